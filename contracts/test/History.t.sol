// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Tree} from "../formats/Tree.sol";
import {RootAnchor, SignedRoot} from "../RootAnchor.sol";
import {Reference} from "./Reference.sol";
import {Test, Vm} from "./Test.sol";

/// A ledger that was put back: two histories under one key, the same up to a point. Signs any root of either.
contract TwoFaced is Test {
    uint256 public constant LENGTH = 48;
    Vm.Wallet private wallet = vm.createWallet(uint256(keccak256("two-faced ledger")));
    RootAnchor public immutable anchors;
    bytes32 public immutable ledger;
    uint256 public immutable common; // leaves that both histories share

    constructor(RootAnchor anchors_, uint256 common_) {
        anchors = anchors_;
        common = common_;
        ledger = anchors_.register(bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY));
    }

    function leaf(uint256 face, uint256 i) public view returns (bytes32) {
        return keccak256(abi.encode(i < common ? 0 : face, i));
    }

    function leaves(uint256 face) public view returns (bytes32[] memory out) {
        out = new bytes32[](LENGTH);
        for (uint256 i = 0; i < LENGTH; ++i) {
            out[i] = leaf(face, i);
        }
    }

    function root(uint256 face, uint256 size) public view returns (bytes32) {
        return Reference.root(leaves(face), size);
    }

    function signed(uint256 face, uint256 size) public view returns (SignedRoot memory out) {
        out = SignedRoot(uint64(size), root(face, size), uint64(size), 1, Es256k.Signature(0, 0));
        bytes32 digest =
            sha256(abi.encode(bytes32("concordat/ledger-root/1"), ledger, size, out.root, uint256(size), uint256(1)));
        (, out.signature.r, out.signature.s) = vm.sign(wallet.privateKey, digest);
    }

    function submission(uint256 face, uint256 from, uint256 size) public view returns (RootAnchor.Submission memory) {
        bytes32[] memory path =
            from == 0 || from >= size ? new bytes32[](0) : Reference.consistency(leaves(face), from, size);
        return RootAnchor.Submission(ledger, signed(face, size), uint64(from), path);
    }

    function proof(uint256 face, uint256 index, uint256 size) public view returns (RootAnchor.Leaf memory) {
        return RootAnchor.Leaf(leaf(face, index), Reference.inclusion(leaves(face), index, size));
    }
}

contract HistoryTest is Test {
    RootAnchor private anchors = new RootAnchor();

    function testFuzz_any_two_sizes_of_one_history(uint256 from, uint256 to) public {
        TwoFaced ledger = new TwoFaced(anchors, 0);
        to = within(to, 2, ledger.LENGTH());
        from = within(from, 1, to - 1);
        vm.assertEq(anchor(ledger.submission(0, 0, from)), 1);
        vm.assertEq(anchor(ledger.submission(0, from, to)), 1);
        (bytes32 root,,,,) = anchors.anchors(ledger.ledger());
        vm.assertEq(root, ledger.root(0, to));
    }

    // Once a root that only one history has is anchored, no root of the other follows it.
    function testFuzz_another_history_never_follows(uint256 common, uint256 from, uint256 to) public {
        common = within(common, 0, 46);
        TwoFaced ledger = new TwoFaced(anchors, common);
        from = within(from, common + 1, 47);
        to = within(to, from + 1, 48);
        anchor(ledger.submission(0, 0, from));
        RootAnchor.Submission memory s = ledger.submission(1, from, to);
        vm.expectPartialRevert(RootAnchor.Inconsistent.selector);
        anchor(s);
    }

    function testFuzz_two_histories_are_proven(uint256 common, uint256 size, uint256 other, uint256 index) public {
        common = within(common, 0, 47);
        TwoFaced ledger = new TwoFaced(anchors, common);
        size = within(size, common + 1, 48);
        other = within(other, common + 1, 48);
        index = within(index, common, (size < other ? size : other) - 1);
        anchor(ledger.submission(0, 0, size));
        SignedRoot memory theirs = ledger.signed(1, other);
        vm.roll(77);
        vm.expectEmit();
        emit RootAnchor.ForkProven(
            ledger.ledger(), uint64(index), uint64(size), ledger.root(0, size), uint64(other), theirs.root
        );
        anchors.proveFork(
            ledger.ledger(), theirs, uint64(index), ledger.proof(0, index, size), ledger.proof(1, index, other)
        );
        vm.assertEq(anchors.forkedAt(ledger.ledger()), 77);
        if (size < 48) vm.assertEq(anchor(ledger.submission(0, size, 48)), 0); // it anchors no more
    }

    function testFuzz_an_anchor_covers_what_it_begins_with(uint256 size, uint256 anchored, bytes32 other) public {
        TwoFaced ledger = new TwoFaced(anchors, 0);
        bytes32 name = ledger.ledger();
        anchored = within(anchored, 1, ledger.LENGTH());
        size = within(size, 1, ledger.LENGTH());
        anchor(ledger.submission(0, 0, anchored));
        bytes32[] memory path = ledger.submission(0, size, anchored).consistency;
        bytes32 root = ledger.root(0, size);
        vm.assertTrue(anchors.covers(name, uint64(size), root, path) == (size <= anchored), "its own beginning");
        vm.assertFalse(anchors.covers(name, uint64(size), ledger.root(1, size), path), "another history");
        vm.assertFalse(anchors.covers(name, uint64(size), root, new bytes32[](7)), "no proof");
        vm.assertFalse(anchors.covers(name, 0, other, new bytes32[](0)), "nothing");
        vm.assertFalse(anchors.covers(other, 0, 0, new bytes32[](0)), "no ledger");
    }

    function test_no_fork_is_made_up() public {
        TwoFaced ledger = new TwoFaced(anchors, 5);
        anchor(ledger.submission(0, 0, 9));
        RootAnchor.Leaf memory ours = ledger.proof(0, 6, 9);
        // A leaf that is in neither tree, a place that the other root does not have, a root that nobody signed.
        noFork(ledger, ledger.signed(1, 12), 6, ours, RootAnchor.Leaf(bytes32(uint256(1)), ledger.proof(1, 6, 12).path));
        noFork(ledger, ledger.signed(1, 12), 6, RootAnchor.Leaf(bytes32(uint256(1)), ours.path), ledger.proof(1, 6, 12));
        noFork(ledger, ledger.signed(0, 12), 6, ours, ledger.proof(1, 6, 12));
        bytes32 name = ledger.ledger();
        SignedRoot memory unsigned = ledger.signed(1, 12);
        unsigned.time += 1;
        RootAnchor.Leaf memory theirs = ledger.proof(1, 6, 12);
        vm.expectPartialRevert(RootAnchor.BadSignature.selector);
        anchors.proveFork(name, unsigned, 6, ours, theirs);
        SignedRoot memory shorter = ledger.signed(1, 6);
        theirs = ledger.proof(1, 5, 6);
        vm.expectPartialRevert(Tree.PathDoesNotFit.selector);
        anchors.proveFork(name, shorter, 6, ours, theirs);
        vm.assertEq(anchors.forkedAt(name), 0);
    }

    function test_a_ledger_without_an_anchor_has_no_fork() public {
        TwoFaced ledger = new TwoFaced(anchors, 0);
        bytes32 name = ledger.ledger();
        SignedRoot memory other = ledger.signed(1, 2);
        RootAnchor.Leaf memory ours = ledger.proof(0, 0, 2);
        RootAnchor.Leaf memory theirs = ledger.proof(1, 0, 2);
        vm.expectPartialRevert(Tree.PathDoesNotFit.selector);
        anchors.proveFork(name, other, 0, ours, theirs);
    }

    function noFork(
        TwoFaced ledger,
        SignedRoot memory other,
        uint64 index,
        RootAnchor.Leaf memory ours,
        RootAnchor.Leaf memory theirs
    ) private {
        bytes32 name = ledger.ledger();
        vm.expectRevert(abi.encodeWithSelector(RootAnchor.NoFork.selector, name));
        anchors.proveFork(name, other, index, ours, theirs);
    }

    function anchor(RootAnchor.Submission memory s) private returns (uint256) {
        RootAnchor.Submission[] memory one = new RootAnchor.Submission[](1);
        one[0] = s;
        return anchors.anchor(one);
    }
}

/// Submits roots of either history, in any order, with right and wrong proofs, and tries to prove forks.
contract Submitter is Test {
    RootAnchor public immutable anchors = new RootAnchor();
    TwoFaced public immutable ledger = new TwoFaced(anchors, 13);
    uint64 public last; // size of what was anchored last
    bytes32 public lastRoot;
    bool public rising = true; // each was larger than the one before
    bool[2] public only = [true, true]; // whether all that was anchored is of that history

    function submit(uint256 face, uint256 size, uint256 stray) external {
        (, uint64 newest,,,) = anchors.anchors(ledger.ledger());
        uint256 from = stray % 4 == 0 ? within(stray, 0, 47) : newest;
        RootAnchor.Submission[] memory one = new RootAnchor.Submission[](1);
        one[0] = ledger.submission(face % 2, from, within(size, 1, ledger.LENGTH()));
        try anchors.anchor(one) returns (uint256 anchored) {
            if (anchored == 0) return;
            rising = rising && one[0].signed.size > last;
            last = one[0].signed.size;
            lastRoot = one[0].signed.root;
            for (uint256 i = 0; i < 2; ++i) {
                only[i] = only[i] && lastRoot == ledger.root(i, last);
            }
        } catch {}
    }

    // Mostly roots a little larger than the newest, so that a run sees long histories.
    function grow(uint256 face, uint256 by) external {
        (, uint64 newest,,,) = anchors.anchors(ledger.ledger());
        uint256 size = newest + within(by, 1, 3);
        if (size > ledger.LENGTH()) return;
        this.submit(face, size - 1 + 48, 1);
    }
}

contract HistoryInvariant is Test {
    Submitter private submitter = new Submitter();

    function targetContracts() external view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(submitter);
    }

    function invariant_anchors_rise_and_are_one_history() external view {
        vm.assertTrue(submitter.rising(), "sizes rise");
        vm.assertTrue(submitter.only(0) || submitter.only(1), "all anchors are of one history");
        (bytes32 root, uint64 size,,,) = submitter.anchors().anchors(submitter.ledger().ledger());
        vm.assertEq(size, submitter.last());
        vm.assertEq(root, submitter.lastRoot());
    }
}
