// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReceiptVerifier} from "../ReceiptVerifier.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "./Statements.sol";
import {Tree} from "./Tree.sol";

/// Where a member stands among those of a public state, in RFC 8785 order.
struct Place {
    uint64 index;
    uint64 size;
    bytes32[] path;
}

/// @title What a contract asks before it acts on an agreement's public state
/// @notice The entry is of this agreement, its state stands, it is genuine, and its state has the member. In one place, as
/// each contract that forgot one of them would pay on something that was never agreed.
library ProvenState {
    error OtherBinding(bytes32 binding);
    /// The state after an entry of this kind may still be taken back.
    error StateMayChange(uint8 kind);
    /// The member is not in the state, or not with this value, or not in this place.
    error NotInState(bytes32 state);

    /// @param member the state member's leaf (`Statements.stateMember`), which says both its name and its value
    /// @return id of the entry
    function check(
        IReceiptVerifier verifier,
        bytes32 ledger,
        bytes32 binding,
        bytes32 member,
        Entry calldata entry,
        Claim calldata claim,
        LedgerReceipt calldata receipt,
        Place calldata place
    ) internal view returns (bytes32 id) {
        if (entry.binding != binding) revert OtherBinding(entry.binding);
        if (!Statements.holds(entry.kind)) revert StateMayChange(entry.kind);
        id = verifier.verify(ledger, entry, claim, receipt);
        if (Tree.rootOf(member, place.index, place.size, place.path) != entry.state) revert NotInState(entry.state);
    }
}
