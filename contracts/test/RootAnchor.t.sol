// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Keys} from "../formats/Keys.sol";
import {RootAnchor, SignedRoot} from "../RootAnchor.sol";
import {Key, Proven, Vectors} from "./Vectors.sol";

/// With the roots of a real ledger.
contract RootAnchorTest is Vectors {
    RootAnchor private anchors = new RootAnchor();
    Key private key = ledgerKey();
    RootAnchor.Submission[] private batch;

    function setUp() public {
        vm.roll(1000);
        anchors.register(key.x, key.y);
    }

    function submit(RootAnchor.Submission memory s) private returns (uint256) {
        RootAnchor.Submission[] memory one = new RootAnchor.Submission[](1);
        one[0] = s;
        return anchors.anchor(one);
    }

    function expectNewest(RootAnchor.Submission memory s, uint256 blockNumber) private view {
        (bytes32 root, uint64 size, uint64 time, uint64 number, uint64 flags) = anchors.anchors(key.thumbprint);
        vm.assertEq(root, s.signed.root);
        vm.assertEq(size, s.signed.size);
        vm.assertEq(time, s.signed.time);
        vm.assertEq(flags, s.signed.flags);
        vm.assertEq(number, blockNumber);
    }

    // --- what passes
    function test_anchors_every_root_of_a_real_ledger() public {
        for (uint256 i = 0; i < count("roots"); ++i) {
            RootAnchor.Submission memory s = submission(i);
            vm.roll(1001 + i);
            vm.expectEmit();
            emit RootAnchor.Anchored(key.thumbprint, s.signed.size, s.signed.root, s.signed.time, s.signed.flags);
            vm.assertEq(submit(s), 1);
            expectNewest(s, 1001 + i);
        }
    }

    function test_anchors_a_batch_in_order() public {
        uint256 n = count("roots");
        RootAnchor.Submission[] memory all = new RootAnchor.Submission[](n);
        for (uint256 i = 0; i < n; ++i) {
            all[i] = submission(i);
        }
        vm.assertEq(anchors.anchor(all), n);
        expectNewest(all[n - 1], 1000);
        vm.assertEq(anchors.anchor(all), 0); // again: all of it is old
        vm.assertEq(anchors.anchor(new RootAnchor.Submission[](0)), 0);
    }

    function test_passes_over_what_was_overtaken() public {
        submit(submission(0));
        submit(submission(1));
        vm.assertEq(submit(submission(0)), 0);
        vm.assertEq(submit(submission(1)), 0);
        vm.assertEq(submit(submission(3)), 0); // its proof starts at a root that is not the newest
        expectNewest(submission(1), 1000);
    }

    // A receipt from before the anchor, with what the ledger's consistency frame answers.
    function test_covers_earlier_receipts_of_a_real_ledger() public {
        submit(submission(0));
        submit(submission(1));
        RootAnchor.Submission memory earlier = submission(0);
        bytes32[] memory path = submission(1).consistency;
        vm.assertTrue(anchors.covers(key.thumbprint, earlier.signed.size, earlier.signed.root, path), "earlier root");
        vm.assertFalse(anchors.covers(key.thumbprint, earlier.signed.size, ~earlier.signed.root, path), "other root");
    }

    function test_registers_once_and_for_anyone() public {
        RootAnchor fresh = new RootAnchor();
        vm.expectEmit();
        emit RootAnchor.Registered(
            key.thumbprint, address(uint160(uint256(keccak256(abi.encodePacked(key.x, key.y))))), key.x, key.y
        );
        vm.prank(address(7));
        vm.assertEq(fresh.register(key.x, key.y), key.thumbprint);
        vm.assertEq(fresh.register(key.x, key.y), key.thumbprint);
    }

    // --- what does not
    function test_refuses_what_is_no_key() public {
        vm.expectRevert(abi.encodeWithSelector(Keys.NotAKey.selector, key.y, key.x));
        anchors.register(key.y, key.x);
    }

    function test_refuses_an_unknown_ledger() public {
        RootAnchor.Submission memory s = submission(0);
        s.ledger = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(RootAnchor.UnknownLedger.selector, s.ledger));
        submit(s);
    }

    function test_refuses_every_altered_value() public {
        RootAnchor.Submission memory s = submission(0);
        for (uint256 bit = 0; bit < 64; ++bit) {
            s.signed.time ^= uint64(1 << bit);
            refused(s, RootAnchor.BadSignature.selector);
            s.signed.time ^= uint64(1 << bit);
            s.signed.size ^= uint64(1 << bit);
            refused(s, s.signed.size == 0 ? RootAnchor.Empty.selector : RootAnchor.BadSignature.selector);
            s.signed.size ^= uint64(1 << bit);
            s.signed.flags ^= uint64(1 << bit);
            refused(s, bit == 0 ? RootAnchor.BadSignature.selector : RootAnchor.UnknownFlags.selector);
            s.signed.flags ^= uint64(1 << bit);
        }
        for (uint256 bit = 0; bit < 256; ++bit) {
            bytes32 change = bytes32(1 << bit);
            s.signed.root ^= change;
            refused(s, RootAnchor.BadSignature.selector);
            s.signed.root ^= change;
            s.signed.signature.r ^= change;
            refused(s, RootAnchor.BadSignature.selector);
            s.signed.signature.r ^= change;
            s.signed.signature.s ^= change;
            refused(s, RootAnchor.BadSignature.selector);
            s.signed.signature.s ^= change;
        }
        vm.assertEq(submit(s), 1);
    }

    function test_refuses_the_other_form_of_a_signature() public {
        RootAnchor.Submission memory s = submission(0);
        s.signed.signature.s = bytes32(ORDER - uint256(s.signed.signature.s));
        refused(s, RootAnchor.BadSignature.selector);
    }

    function test_refuses_a_root_without_its_proof() public {
        submit(submission(0));
        RootAnchor.Submission memory s = submission(1);
        for (uint256 i = 0; i < s.consistency.length; ++i) {
            s.consistency[i] = ~s.consistency[i];
            refused(s, RootAnchor.Inconsistent.selector);
            s.consistency[i] = ~s.consistency[i];
        }
        s.consistency = submission(2).consistency;
        refused(s, RootAnchor.Inconsistent.selector);
        s.consistency = new bytes32[](0);
        refused(s, RootAnchor.Inconsistent.selector);
        s.consistency = new bytes32[](70);
        refused(s, RootAnchor.Inconsistent.selector);
        expectNewest(submission(0), 1000);
    }

    function test_refuses_a_proof_for_the_first_root() public {
        RootAnchor.Submission memory s = submission(0);
        s.consistency = new bytes32[](1);
        refused(s, RootAnchor.Inconsistent.selector);
    }

    // What is false takes the whole batch with it, also what was right.
    function test_a_false_root_undoes_the_batch() public {
        RootAnchor.Submission[] memory two = new RootAnchor.Submission[](2);
        two[0] = submission(0);
        two[1] = submission(1);
        two[1].signed.root = ~two[1].signed.root;
        vm.expectRevert(abi.encodeWithSelector(RootAnchor.BadSignature.selector, key.thumbprint, two[1].signed.root));
        anchors.anchor(two);
        (, uint64 size,,,) = anchors.anchors(key.thumbprint);
        vm.assertEq(size, 0);
    }

    // Receipts of one honest ledger never show a fork of it.
    function test_one_history_is_no_fork() public {
        uint256 last = count("roots") - 1;
        submit(withoutProof(submission(last)));
        Proven memory p = proven(0);
        RootAnchor.Leaf memory leaf =
            RootAnchor.Leaf(sha256(abi.encodePacked(hex"004c", p.id, p.claim.enclave)), p.receipt.path);
        vm.expectRevert(abi.encodeWithSelector(RootAnchor.NoFork.selector, key.thumbprint));
        anchors.proveFork(key.thumbprint, submission(0).signed, 0, leaf, leaf);
    }

    function withoutProof(RootAnchor.Submission memory s) private pure returns (RootAnchor.Submission memory) {
        s.from = 0;
        s.consistency = new bytes32[](0);
        return s;
    }

    function refused(RootAnchor.Submission memory s, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        submit(s);
    }
}
