// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Place} from "../formats/ProvenState.sol";
import {Escrowed} from "./Escrowed.sol";
import {Member, Proven, Vectors} from "./Vectors.sol";

/// What a lock and its end cost, as Gas.t.sol measures the rest.
contract EscrowGasTest is Escrowed, Vectors {
    string[4] private names = ["native coin", "ERC-20", "ERC-721", "ERC-1155"];

    function setUp() public {
        vm.warp(DEADLINE - 1000);
        vm.prank(OWNER);
        escrow.authorize(AGENT, OTHER, true);
        vm.snapshotGasLastCall("Escrow", "authorize");
        vm.deal(OWNER, 1);
        vm.prank(OWNER);
        escrow.deposit{value: 1}();
        vm.snapshotGasLastCall("Escrow", "deposit");
    }

    function test_gas_by_the_agent() public {
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            vm.prank(AGENT);
            escrow.lock(bytes32(s), t.standard, t.token, t.tokenId, t.amount, OWNER, OTHER, DEADLINE);
            vm.snapshotGasLastCall("Escrow", string.concat("lock, ", names[s], ", by the agent"));
            vm.prank(AGENT);
            escrow.release(bytes32(s));
            vm.snapshotGasLastCall("Escrow", string.concat("release, ", names[s], ", to a new holder"));
        }
    }

    function test_gas_refund() public {
        lockAs(ID, termsOf(1, OWNER, OTHER));
        vm.warp(DEADLINE + 1);
        escrow.refundOf(OWNER, ID);
        vm.snapshotGasLastCall("Escrow", "refundOf, ERC-20, after the deadline");
    }

    function test_gas_preimage() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        (t.agent, t.hashlock) = (address(0), sha256(abi.encodePacked(ID)));
        lockAs(ID, t);
        vm.snapshotGasLastCall("Escrow", "lockWith, ERC-20, a hash");
        escrow.releaseWithPreimage(OWNER, ID, ID);
        vm.snapshotGasLastCall("Escrow", "releaseWithPreimage, ERC-20");
    }

    function test_gas_receipt() public {
        ReceiptVerifier verifier = new ReceiptVerifier(address(this));
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        uint256 i = count("entries") - 2;
        Proven memory p = proven(i);
        Member memory m = member(i, "status");
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.agent = address(0);
        t.condition = Escrow.Condition(
            verifier, ledgerKey().thumbprint, p.entry.binding, escrow.memberOf(bytes(m.name), bytes(m.value))
        );
        lockAs(ID, t);
        vm.snapshotGasLastCall("Escrow", "lockWith, ERC-20, a condition");
        escrow.releaseWithReceipt(OWNER, ID, p.entry, p.claim, p.receipt, Place(m.index, m.size, m.path));
        vm.snapshotGasLastCall("Escrow", "releaseWithReceipt, ERC-20, batch of 3, ledger of 20");
    }
}
