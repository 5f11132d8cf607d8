// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReceiptVerifier} from "./ReceiptVerifier.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "./formats/Statements.sol";

/// @title Which version of an agreement is in force, on a chain
/// @notice Anyone records the entry that put a version in force (bind, amend) or ended the agreement (terminate). What the
/// registry's verifier finds genuine counts, so nobody administers it but that verifier's owner. Only the newest entry of
/// an agreement is kept, older ones are passed over; each is an event. It cannot know of versions that nobody recorded:
/// what it says was in force, and may not be any more.
contract BindingRegistry {
    struct Current {
        bytes32 version; // hash of the version's document; zero: nothing recorded
        bytes32 entry; // id of the entry that was recorded last
        uint64 sequence; // its place in the agreement
        uint64 blockNumber; // when it was recorded
        bool terminated;
        bool contradicted; // the record ledger appended two entries of which one excludes the other
    }

    IReceiptVerifier public immutable verifier;

    mapping(bytes32 ledger => mapping(bytes32 binding => Current)) private newest;

    event Recorded(
        bytes32 indexed ledger,
        bytes32 indexed binding,
        bytes32 indexed version,
        uint64 sequence,
        bytes32 entry,
        bool terminated
    );
    /// Two genuine entries at one place of an agreement, or one after its end: a ledger that was put back.
    event Contradicted(bytes32 indexed ledger, bytes32 indexed binding, bytes32 kept, bytes32 other);

    /// Only bind, amend and terminate say which version is in force.
    error NotAVersion(uint8 kind);
    error NoVerifier(address verifier);

    constructor(IReceiptVerifier verifier_) {
        if (address(verifier_).code.length == 0) revert NoVerifier(address(verifier_));
        verifier = verifier_;
    }

    /// @param ledger thumbprint of the service key of the record ledger
    /// @return recorded false when the entry was passed over: it is not newer than the one that is kept, or excluded by it
    function record(bytes32 ledger, Entry calldata entry, Claim calldata claim, LedgerReceipt calldata receipt)
        external
        returns (bool recorded)
    {
        uint8 kind = entry.kind;
        if (kind != Statements.BIND && kind != Statements.AMEND && kind != Statements.TERMINATE) {
            revert NotAVersion(kind);
        }
        bytes32 id = verifier.verify(ledger, entry, claim, receipt);
        Current storage kept = newest[ledger][entry.binding];
        if (kept.version != 0 && (entry.sequence <= kept.sequence || kept.terminated)) {
            noteContradiction(ledger, entry, id, kept);
            return false;
        }
        kept.version = entry.version;
        kept.entry = id;
        kept.sequence = entry.sequence;
        kept.blockNumber = uint64(block.number);
        kept.terminated = kind == Statements.TERMINATE;
        emit Recorded(ledger, entry.binding, entry.version, entry.sequence, id, kept.terminated);
        return true;
    }

    /// All zero for an agreement of which nothing was recorded.
    function current(bytes32 ledger, bytes32 binding) external view returns (Current memory) {
        return newest[ledger][binding];
    }

    function noteContradiction(bytes32 ledger, Entry calldata entry, bytes32 id, Current storage kept) private {
        bool ended = entry.sequence > kept.sequence || entry.kind == Statements.TERMINATE; // and went on all the same
        bool excluded = entry.sequence == kept.sequence ? id != kept.entry : ended;
        if (!excluded || kept.contradicted) return;
        kept.contradicted = true;
        emit Contradicted(ledger, entry.binding, kept.entry, id);
    }
}
