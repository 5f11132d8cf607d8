// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Es256k} from "../formats/Es256k.sol";
import {Keys} from "../formats/Keys.sol";
import {Tree} from "../formats/Tree.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Key, Member, Proven, Vectors} from "./Vectors.sol";

contract ReceiptVerifierTest is Vectors {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    Key private ledger = ledgerKey();
    Proven private one;

    function setUp() public {
        verifier.addLedger(ledger.x, ledger.y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        verifier.addEnclave(enclaveKey(1).x, enclaveKey(1).y);
        one = proven(count("entries") - 2); // last of a batch
    }

    function verify(Proven memory p) private view returns (bytes32) {
        return verifier.verify(ledger.thumbprint, p.entry, p.claim, p.receipt);
    }

    function expectRefused(Proven memory p, bytes memory reason) private {
        vm.expectRevert(reason);
        verify(p);
    }

    // --- what passes
    function test_accepts_every_genuine_entry() public view {
        uint256 n = count("entries");
        vm.assertTrue(n > 20, "vectors");
        for (uint256 i = 0; i < n; ++i) {
            Proven memory p = proven(i);
            vm.assertEq(verify(p), p.id);
        }
    }

    function test_accepts_all_eleven_types() public {
        OwnLedger own = new OwnLedger();
        for (uint8 kind = 1; kind <= 11; ++kind) {
            Shown memory s = own.show(kind, bytes32(uint256(7)), kind, "status", "1");
            vm.assertEq(own.verifier().verify(own.ledger(), s.entry, s.claim, s.receipt), s.id);
        }
    }

    function test_computes_what_the_product_computes_of_a_key() public {
        ReceiptVerifier fresh = new ReceiptVerifier(address(this));
        vm.assertEq(fresh.addLedger(ledger.x, ledger.y, true), ledger.thumbprint);
        vm.assertEq(fresh.addEnclave(enclaveKey(1).x, enclaveKey(1).y), enclaveKey(1).thumbprint);
        (,, bytes32 chain) = fresh.ledgers(ledger.thumbprint);
        vm.assertEq(chain, sha256(bytes(vm.parseJsonString(json, ".chain"))));
    }

    function test_proves_public_state() public view {
        Member memory status = member(count("entries") - 2, "status");
        vm.assertEq(keccak256(bytes(status.value)), keccak256('"settled"'));
        verifier.verifyStateMember(
            one.entry.state, bytes(status.name), bytes(status.value), status.index, status.size, status.path
        );
    }

    // --- what does not, and what the refusal says
    function test_refuses_other_state() public {
        Member memory status = member(count("entries") - 2, "status");
        vm.expectPartialRevert(ReceiptVerifier.NotInState.selector);
        verifier.verifyStateMember(
            one.entry.state, bytes(status.name), '"active"', status.index, status.size, status.path
        );
        vm.expectPartialRevert(ReceiptVerifier.NotInState.selector);
        verifier.verifyStateMember(
            one.entry.state, "phase", bytes(status.value), status.index, status.size, status.path
        );
    }

    function test_refuses_a_ledger_that_is_not_known() public {
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.UnknownLedger.selector, bytes32(uint256(1))));
        verifier.verify(bytes32(uint256(1)), one.entry, one.claim, one.receipt);
        verifier.removeLedger(ledger.thumbprint);
        expectRefused(one, abi.encodeWithSelector(ReceiptVerifier.UnknownLedger.selector, ledger.thumbprint));
    }

    function test_refuses_an_enclave_that_is_not_known() public {
        verifier.removeEnclave(one.claim.enclave);
        expectRefused(one, abi.encodeWithSelector(ReceiptVerifier.UnknownEnclave.selector, one.claim.enclave));
    }

    function test_refuses_a_single_node_where_the_owner_does() public {
        verifier.addLedger(ledger.x, ledger.y, false);
        expectRefused(one, abi.encodeWithSelector(ReceiptVerifier.SingleNode.selector, ledger.thumbprint));
    }

    function test_refuses_unknown_flags_and_kinds() public {
        Proven memory p = one;
        p.receipt.flags = 3;
        expectRefused(p, abi.encodeWithSelector(ReceiptVerifier.UnknownFlags.selector, uint64(3)));
        p = one;
        p.entry.kind = 0;
        expectRefused(p, abi.encodeWithSelector(ReceiptVerifier.UnknownKind.selector, uint8(0)));
        p.entry.kind = 12;
        expectRefused(p, abi.encodeWithSelector(ReceiptVerifier.UnknownKind.selector, uint8(12)));
    }

    function test_refuses_paths_of_the_wrong_length() public {
        Proven memory p = one;
        bytes32[] memory longer = new bytes32[](65);
        p.claim.path = longer;
        expectRefused(
            p, abi.encodeWithSelector(Tree.PathDoesNotFit.selector, p.claim.index, p.claim.size, longer.length)
        );
        p = one;
        p.receipt.path = new bytes32[](0);
        expectRefused(
            p, abi.encodeWithSelector(Tree.PathDoesNotFit.selector, p.receipt.index, p.receipt.size, uint256(0))
        );
        p = one;
        p.receipt.index = p.receipt.size;
        expectRefused(
            p,
            abi.encodeWithSelector(Tree.PathDoesNotFit.selector, p.receipt.size, p.receipt.size, p.receipt.path.length)
        );
        p.receipt.index = p.receipt.size = 0;
        expectRefused(
            p, abi.encodeWithSelector(Tree.PathDoesNotFit.selector, uint64(0), uint64(0), p.receipt.path.length)
        );
    }

    function test_refuses_the_other_form_of_a_signature() public {
        Proven memory p = one;
        p.claim.signature.s = bytes32(ORDER - uint256(p.claim.signature.s));
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        verify(p);
        p = one;
        p.receipt.signature.s = bytes32(ORDER - uint256(p.receipt.signature.s));
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        verify(p);
    }

    function test_refuses_a_signature_of_another_key() public {
        Proven memory p = one;
        p.claim.signature = p.receipt.signature;
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        verify(p);
        p = one;
        p.receipt.signature = p.claim.signature;
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        verify(p);
        p.receipt.signature = Es256k.Signature(0, 0); // ecrecover gives address zero, which is nobody's
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        verify(p);
    }

    function test_refuses_another_entrys_claim_or_receipt() public {
        Proven memory other = proven(count("entries") - 3);
        Proven memory p = one;
        p.claim = other.claim;
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        verify(p);
        p = one;
        p.receipt = other.receipt;
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        verify(p);
    }

    // An enclave that is known cannot vouch for an entry under another enclave's name.
    function test_refuses_a_claim_under_another_enclave() public {
        Proven memory p = one;
        p.claim.enclave =
            enclaveKey(0).thumbprint == p.claim.enclave ? enclaveKey(1).thumbprint : enclaveKey(0).thumbprint;
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        verify(p);
    }

    // --- who decides
    function test_only_the_owner_changes_keys() public {
        bytes memory refused = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(7));
        vm.prank(address(7));
        vm.expectRevert(refused);
        verifier.addLedger(ledger.x, ledger.y, true);
        vm.prank(address(7));
        vm.expectRevert(refused);
        verifier.removeLedger(ledger.thumbprint);
        vm.prank(address(7));
        vm.expectRevert(refused);
        verifier.addEnclave(ledger.x, ledger.y);
        vm.prank(address(7));
        vm.expectRevert(refused);
        verifier.removeEnclave(one.claim.enclave);
    }

    function test_ownership_moves_only_when_taken() public {
        verifier.transferOwnership(address(7));
        vm.assertEq(verifier.owner(), address(this));
        vm.prank(address(7));
        verifier.acceptOwnership();
        vm.assertEq(verifier.owner(), address(7));
    }

    function test_changes_are_events() public {
        Key memory key = enclaveKey(0);
        verifier.removeEnclave(key.thumbprint);
        vm.expectEmit();
        emit ReceiptVerifier.EnclaveAdded(
            key.thumbprint, address(uint160(uint256(keccak256(abi.encodePacked(key.x, key.y)))))
        );
        verifier.addEnclave(key.x, key.y);
        vm.expectEmit();
        emit ReceiptVerifier.EnclaveRemoved(key.thumbprint);
        verifier.removeEnclave(key.thumbprint);
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.UnknownEnclave.selector, key.thumbprint));
        verifier.removeEnclave(key.thumbprint);
        vm.expectEmit();
        emit ReceiptVerifier.LedgerRemoved(ledger.thumbprint);
        verifier.removeLedger(ledger.thumbprint);
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.UnknownLedger.selector, ledger.thumbprint));
        verifier.removeLedger(ledger.thumbprint);
    }

    function test_refuses_what_is_no_key() public {
        bytes32 wrong = bytes32(uint256(ledger.y) ^ 1);
        vm.expectRevert(abi.encodeWithSelector(Keys.NotAKey.selector, ledger.x, wrong));
        verifier.addLedger(ledger.x, wrong, true);
        vm.expectRevert(abi.encodeWithSelector(Keys.NotAKey.selector, bytes32(0), bytes32(0)));
        verifier.addEnclave(0, 0);
        // A coordinate that is only congruent to one of the curve.
        bytes32 beyond = bytes32(type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Keys.NotAKey.selector, beyond, ledger.y));
        verifier.addEnclave(beyond, ledger.y);
    }
}
