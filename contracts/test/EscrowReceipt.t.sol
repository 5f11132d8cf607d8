// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {IReceiptVerifier, ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Place, ProvenState} from "../formats/ProvenState.sol";
import {Escrowed} from "./Escrowed.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Member, Proven, Vectors} from "./Vectors.sol";

/// Release by a proven entry: of a real ledger and real enclaves where there is one, else of the test's own.
contract EscrowReceiptTest is Escrowed, Vectors {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    OwnLedger private own = new OwnLedger();
    bytes32 private constant BINDING = "agreement";
    uint256 private settled; // the entry that settled a forward

    function setUp() public {
        vm.warp(DEADLINE - 1000);
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        verifier.addEnclave(enclaveKey(1).x, enclaveKey(1).y);
        settled = count("entries") - 2;
    }

    // Nobody but the proof releases, and the depositor gets it back after the deadline.
    function lockUntilSettled(bytes32 id, IReceiptVerifier by, bytes32 ledger, bytes32 binding)
        private
        returns (bytes32)
    {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.agent = address(0);
        t.condition = Escrow.Condition(by, ledger, binding, escrow.memberOf("status", '"settled"'));
        return lockAs(id, t);
    }

    function release(uint256 i, uint256 placeOf) private {
        Proven memory p = proven(i);
        Member memory m = member(placeOf, "status");
        vm.prank(STRANGER);
        escrow.releaseWithReceipt(OWNER, ID, p.entry, p.claim, p.receipt, Place(m.index, m.size, m.path));
    }

    function release(bytes32 id, Shown memory s) private {
        escrow.releaseWithReceipt(OWNER, id, s.entry, s.claim, s.receipt, s.place);
    }

    function test_a_real_settlement_releases() public {
        Proven memory p = proven(settled);
        bytes32 key = lockUntilSettled(ID, verifier, ledgerKey().thumbprint, p.entry.binding);
        vm.expectEmit();
        emit Escrow.Released(key, OTHER, p.id);
        release(settled, settled);
        vm.assertEq(coins.balanceOf(OTHER), amountOf(1));
        vm.expectRevert(abi.encodeWithSelector(Escrow.NotOpen.selector, key));
        this.releaseAgain();
    }

    function releaseAgain() external {
        release(settled, settled);
    }

    function test_what_is_not_settled_or_another_agreement_does_not() public {
        Proven memory p = proven(settled);
        uint256 active = settled - 1;
        while (proven(active).entry.binding != p.entry.binding) --active;
        lockUntilSettled(ID, verifier, ledgerKey().thumbprint, p.entry.binding);
        expectRefusal(active, active, ProvenState.NotInState.selector);
        expectRefusal(settled, active, ProvenState.NotInState.selector); // shown in another place
        expectRefusal(settled - 1, settled - 1, ProvenState.OtherBinding.selector);
        verifier.removeEnclave(p.claim.enclave);
        expectRefusal(settled, settled, ReceiptVerifier.UnknownEnclave.selector);
    }

    function expectRefusal(uint256 i, uint256 placeOf, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        this.releaseOfEntry(i, placeOf);
    }

    function releaseOfEntry(uint256 i, uint256 placeOf) external {
        release(i, placeOf);
    }

    function test_only_states_that_stand_release() public {
        bool[12] memory stands = [false, true, true, true, false, false, true, true, false, false, false, false];
        for (uint8 kind = 0; kind <= 12; ++kind) {
            bytes32 key = lockUntilSettled(bytes32(uint256(kind)), own.verifier(), own.ledger(), BINDING);
            Shown memory s = own.show(kind, BINDING, kind, "status", '"settled"');
            bool ok = kind < 12 && stands[kind];
            if (!ok) vm.expectRevert(abi.encodeWithSelector(ProvenState.StateMayChange.selector, kind));
            release(bytes32(uint256(kind)), s);
            expectState(key, ok ? Escrow.State.Released : Escrow.State.Open, ok);
        }
    }

    function test_name_and_value_must_be_the_wanted_ones() public {
        lockUntilSettled(ID, own.verifier(), own.ledger(), BINDING);
        Shown memory s = own.show(3, BINDING, 1, "status", '"settled" ');
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        release(ID, s);
        s = own.show(3, BINDING, 1, "statu", 's"settled"');
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        release(ID, s);
        release(ID, own.show(3, BINDING, 1, "status", '"settled"'));
    }

    // The verifier knows both ledgers, the lock names one.
    function test_the_ledger_must_be_the_locks() public {
        bytes32 other = own.ledger();
        lockUntilSettled(ID, verifier, other, proven(settled).entry.binding);
        expectRefusal(settled, settled, ReceiptVerifier.UnknownLedger.selector);
        Shown memory s = own.show(3, proven(settled).entry.binding, 1, "status", '"settled"');
        vm.expectPartialRevert(ReceiptVerifier.UnknownLedger.selector);
        release(ID, s);
    }

    function test_a_lock_without_a_condition_has_no_entry() public {
        lockAs(ID, termsOf(1, OWNER, OTHER));
        Shown memory s = own.show(3, BINDING, 1, "status", '"settled"');
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoCondition.selector));
        release(ID, s);
    }

    function test_a_proof_is_too_late_after_the_deadline() public {
        lockUntilSettled(ID, own.verifier(), own.ledger(), BINDING);
        Shown memory s = own.show(3, BINDING, 1, "status", '"settled"');
        vm.warp(DEADLINE + 1);
        vm.expectRevert(abi.encodeWithSelector(Escrow.DeadlinePassed.selector, DEADLINE));
        release(ID, s);
        vm.warp(DEADLINE);
        release(ID, s);
        vm.assertEq(coins.balanceOf(OTHER), amountOf(1));
    }

    function test_the_wanted_leaf_is_the_formats() public view {
        vm.assertEq(escrow.memberOf("status", '"settled"'), own.leaf("status", '"settled"'));
    }
}
