// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Escrow} from "../Escrow.sol";
import {IReceiptVerifier} from "../ReceiptVerifier.sol";
import {Escrowed} from "./Escrowed.sol";
import {Nothing} from "./Tokens.sol";

/// The rules of a lock: who makes it, who ends it, when, and that it ends once. Of every standard where that matters.
contract EscrowTest is Escrowed {
    bytes32 private constant PREIMAGE = "the secret";

    function setUp() public {
        vm.warp(DEADLINE - 1000);
    }

    // --- how it ends
    function test_the_agent_releases_every_kind_of_asset() public {
        for (uint256 s = 0; s < 4; ++s) {
            bytes32 key = lockAs(bytes32(s), termsOf(s, OWNER, OTHER));
            vm.assertEq(balance(s, address(escrow)), amountOf(s));
            vm.expectEmit();
            emit Escrow.Released(key, OTHER, 0);
            emit Escrow.Delivered(key, OTHER);
            vm.prank(AGENT);
            escrow.releaseOf(OWNER, bytes32(s));
            vm.assertEq(balance(s, OTHER), amountOf(s));
            vm.assertEq(balance(s, address(escrow)), 0);
            expectState(key, Escrow.State.Released, true);
        }
    }

    function test_the_agent_refunds_every_kind_of_asset_at_any_time() public {
        for (uint256 s = 0; s < 4; ++s) {
            bytes32 key = lockAs(bytes32(s), termsOf(s, OWNER, OTHER));
            vm.warp(s % 2 == 0 ? DEADLINE : DEADLINE + 1);
            vm.expectEmit();
            emit Escrow.Refunded(key, OWNER);
            emit Escrow.Delivered(key, OWNER);
            vm.prank(AGENT);
            escrow.refundOf(OWNER, bytes32(s));
            vm.assertEq(balance(s, OWNER), amountOf(s));
            expectState(key, Escrow.State.Refunded, true);
            vm.warp(DEADLINE);
        }
    }

    function test_an_agent_names_its_own_locks_by_id_alone() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        vm.prank(OWNER);
        escrow.authorize(AGENT, OTHER, true);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(AGENT);
            bytes32 key = escrow.lock(bytes32(i), t.standard, t.token, 0, 35, OWNER, OTHER, DEADLINE);
            vm.assertEq(key, escrow.keyOf(AGENT, bytes32(i)));
            vm.prank(AGENT);
            i == 0 ? escrow.release(bytes32(i)) : escrow.refund(bytes32(i));
        }
        vm.assertEq(coins.balanceOf(OTHER), 35);
        vm.assertEq(coins.balanceOf(OWNER), 36);
    }

    function test_anyone_refunds_after_the_deadline_and_not_before() public {
        for (uint256 s = 0; s < 4; ++s) {
            lockAs(bytes32(s), termsOf(s, OWNER, OTHER));
            vm.warp(DEADLINE);
            refused(abi.encodeWithSelector(Escrow.BeforeDeadline.selector, DEADLINE));
            vm.prank(STRANGER);
            escrow.refundOf(OWNER, bytes32(s));
            vm.warp(DEADLINE + 1);
            vm.prank(STRANGER);
            escrow.refundOf(OWNER, bytes32(s));
            vm.assertEq(balance(s, OWNER), amountOf(s));
            vm.warp(DEADLINE);
        }
    }

    // One second belongs to the release, the next to the refund, none to both.
    function test_nobody_releases_after_the_deadline() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.hashlock = sha256(abi.encodePacked(PREIMAGE));
        lockAs(ID, t);
        vm.warp(DEADLINE + 1);
        refused(abi.encodeWithSelector(Escrow.DeadlinePassed.selector, DEADLINE));
        vm.prank(AGENT);
        escrow.releaseOf(OWNER, ID);
        refused(abi.encodeWithSelector(Escrow.DeadlinePassed.selector, DEADLINE));
        escrow.releaseWithPreimage(OWNER, ID, PREIMAGE);
        vm.warp(DEADLINE);
        escrow.releaseWithPreimage(OWNER, ID, PREIMAGE);
        vm.assertEq(coins.balanceOf(OTHER), t.amount);
    }

    function testFuzz_at_each_instant_a_stranger_can_do_one_thing(uint64 deadline, uint64 time) public {
        deadline = uint64(within(deadline, DEADLINE, type(uint64).max));
        time = uint64(within(time, DEADLINE, type(uint64).max));
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        (t.deadline, t.hashlock) = (deadline, sha256(abi.encodePacked(PREIMAGE)));
        bytes32 key = lockAs(ID, t);
        vm.warp(time);
        bool released = done(abi.encodeCall(escrow.releaseWithPreimage, (OWNER, ID, PREIMAGE)));
        bool refunded = done(abi.encodeCall(escrow.refundOf, (OWNER, ID)));
        vm.assertTrue(released == (time <= deadline) && refunded == (time > deadline), "one of them");
        expectState(key, released ? Escrow.State.Released : Escrow.State.Refunded, true);
    }

    function done(bytes memory data) private returns (bool ok) {
        (ok,) = address(escrow).call(data);
    }

    function test_without_a_deadline_only_the_agent_refunds() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.deadline = 0;
        lockAs(ID, t);
        vm.warp(type(uint64).max);
        refused(abi.encodeWithSelector(Escrow.BeforeDeadline.selector, uint64(0)));
        vm.prank(OWNER);
        escrow.refund(ID);
        vm.prank(AGENT);
        escrow.releaseOf(OWNER, ID);
        vm.assertEq(coins.balanceOf(OTHER), t.amount);
    }

    function test_anyone_releases_with_the_preimage_and_nothing_else() public {
        Escrow.Terms memory t = termsOf(0, OWNER, OTHER);
        t.hashlock = sha256(abi.encodePacked(PREIMAGE));
        t.agent = address(0);
        bytes32 key = lockAs(ID, t);
        refused(abi.encodeWithSelector(Escrow.WrongPreimage.selector));
        escrow.releaseWithPreimage(OWNER, ID, "another");
        refused(abi.encodeWithSelector(Escrow.WrongPreimage.selector));
        escrow.releaseWithPreimage(OWNER, ID, t.hashlock);
        vm.expectEmit();
        emit Escrow.Released(key, OTHER, PREIMAGE); // where the other side reads it
        vm.prank(STRANGER);
        escrow.releaseWithPreimage(OWNER, ID, PREIMAGE);
        vm.assertEq(OTHER.balance, t.amount);
    }

    // No hash is no condition, rather than one that a preimage of zero would meet.
    function test_a_lock_without_a_hash_has_no_preimage() public {
        lockAs(ID, termsOf(1, OWNER, OTHER));
        refused(abi.encodeWithSelector(Escrow.WrongPreimage.selector));
        escrow.releaseWithPreimage(OWNER, ID, 0);
    }

    function test_a_lock_ends_once() public {
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            t.hashlock = sha256(abi.encodePacked(PREIMAGE));
            bytes32 key = lockAs(bytes32(s), t);
            vm.prank(AGENT);
            s % 2 == 0 ? escrow.releaseOf(OWNER, bytes32(s)) : escrow.refundOf(OWNER, bytes32(s));
            expectEnded(key, bytes32(s));
            vm.warp(DEADLINE + 1);
            refused(abi.encodeWithSelector(Escrow.NotOpen.selector, key));
            vm.prank(OWNER);
            escrow.refund(bytes32(s));
            vm.warp(DEADLINE);
        }
    }

    function expectEnded(bytes32 key, bytes32 id) private {
        bytes memory ended = abi.encodeWithSelector(Escrow.NotOpen.selector, key);
        refused(ended);
        vm.prank(AGENT);
        escrow.releaseOf(OWNER, id);
        refused(ended);
        vm.prank(AGENT);
        escrow.refundOf(OWNER, id);
        refused(ended);
        escrow.releaseWithPreimage(OWNER, id, PREIMAGE);
        refused(abi.encodeWithSelector(Escrow.AlreadyDelivered.selector, key));
        escrow.deliver(OWNER, id);
    }

    function test_nobody_but_the_agent_ends_it_before_the_deadline() public {
        lockAs(ID, termsOf(1, OWNER, OTHER));
        address[3] memory callers = [OWNER, OTHER, STRANGER];
        for (uint256 i = 0; i < callers.length; ++i) {
            refused(abi.encodeWithSelector(Escrow.NotAgent.selector, callers[i]));
            vm.prank(callers[i]);
            escrow.releaseOf(OWNER, ID);
            refused(abi.encodeWithSelector(Escrow.BeforeDeadline.selector, DEADLINE));
            vm.prank(callers[i]);
            escrow.refundOf(OWNER, ID);
        }
    }

    function test_what_was_never_locked_does_not_end() public {
        bytes32 key = escrow.keyOf(AGENT, ID);
        refused(abi.encodeWithSelector(Escrow.NotOpen.selector, key));
        vm.prank(AGENT);
        escrow.release(ID);
        refused(abi.encodeWithSelector(Escrow.NotOpen.selector, key));
        vm.prank(AGENT);
        escrow.refund(ID);
        refused(abi.encodeWithSelector(Escrow.NotEnded.selector, key));
        escrow.deliver(AGENT, ID);
        lockAs(ID, termsOf(1, OWNER, OTHER));
        refused(abi.encodeWithSelector(Escrow.NotEnded.selector, escrow.keyOf(OWNER, ID)));
        escrow.deliver(OWNER, ID);
        refused(abi.encodeWithSelector(Escrow.NotEnded.selector, escrow.keyOf(OWNER, ID)));
        vm.prank(OTHER);
        escrow.deliverTo(OWNER, ID, OTHER);
    }

    // --- whose assets
    function test_an_approval_is_of_no_use_to_anybody_else() public {
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, STRANGER);
            t.agent = STRANGER;
            bytes memory reason = abi.encodeWithSelector(Escrow.NotAuthorized.selector, OWNER, STRANGER);
            refused(reason);
            vm.prank(STRANGER);
            escrow.lockWith(ID, t);
            refused(reason);
            vm.prank(STRANGER);
            escrow.lock(ID, t.standard, t.token, t.tokenId, t.amount, OWNER, STRANGER, 0);
        }
    }

    function test_an_agent_locks_what_it_was_authorized_to() public {
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            vm.expectEmit();
            emit Escrow.Authorized(OWNER, AGENT, OTHER, true);
            vm.prank(OWNER);
            escrow.authorize(AGENT, OTHER, true);
            vm.assertTrue(escrow.authorized(OWNER, AGENT, OTHER), "authorized");
            bytes memory reason = abi.encodeWithSelector(Escrow.NotAuthorized.selector, OWNER, AGENT);
            lockRefused(t, STRANGER, AGENT, reason); // not for anybody else
            lockRefused(t, OTHER, STRANGER, reason); // nor with another as the agent
            lockRefused(t, OTHER, address(0), reason);
            vm.prank(AGENT);
            escrow.lockWith(bytes32(s), t);
            vm.prank(OWNER);
            escrow.authorize(AGENT, OTHER, false);
            lockRefused(t, OTHER, AGENT, reason);
            vm.prank(AGENT);
            escrow.release(bytes32(s)); // what is locked stays the agent's to end
            vm.assertEq(balance(s, OTHER), amountOf(s));
        }
    }

    function lockRefused(Escrow.Terms memory t, address to, address agent, bytes memory reason) private {
        (address wasTo, address wasAgent) = (t.to, t.agent);
        (t.to, t.agent) = (to, agent);
        refused(reason);
        vm.prank(AGENT);
        escrow.lockWith("refused", t);
        (t.to, t.agent) = (wasTo, wasAgent);
    }

    function test_an_agent_may_be_authorized_for_anybody() public {
        vm.prank(OWNER);
        escrow.authorize(AGENT, address(0), true);
        Escrow.Terms memory t = termsOf(1, OWNER, STRANGER);
        vm.prank(AGENT);
        escrow.lockWith(ID, t);
        vm.prank(AGENT);
        escrow.release(ID);
        vm.assertEq(coins.balanceOf(STRANGER), t.amount);
    }

    function test_nobody_squats_an_id() public {
        Escrow.Terms memory t = termsOf(1, STRANGER, STRANGER);
        t.amount = 1;
        lockAs(ID, t);
        bytes32 key = lockAs(ID, termsOf(1, OWNER, OTHER));
        vm.assertTrue(key != escrow.keyOf(STRANGER, ID), "another's id is another");
        vm.prank(AGENT);
        escrow.releaseOf(OWNER, ID);
        vm.assertEq(coins.balanceOf(OTHER), amountOf(1));
    }

    function test_an_id_serves_once() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        bytes32 key = lockAs(ID, t);
        give(t);
        for (uint256 i = 0; i < 2; ++i) {
            refused(abi.encodeWithSelector(Escrow.AlreadyUsed.selector, key));
            vm.prank(OWNER);
            escrow.lockWith(ID, t);
            if (i == 0) {
                vm.prank(AGENT); // not even when the first has ended
                escrow.refundOf(OWNER, ID);
            }
        }
    }

    // --- native coin
    function test_native_coin_comes_along_or_from_the_deposit() public {
        vm.deal(OWNER, 100);
        Escrow.Terms memory t;
        (t.amount, t.from, t.to, t.agent) = (40, OWNER, OTHER, AGENT);
        vm.prank(OWNER);
        escrow.lockWith{value: 40}("sent along", t);
        vm.expectEmit();
        emit Escrow.Deposited(OWNER, 60);
        vm.prank(OWNER);
        escrow.deposit{value: 60}();
        vm.prank(OWNER);
        escrow.lockWith("deposited", t);
        vm.assertEq(escrow.deposits(OWNER), 20);
        refused(abi.encodeWithSelector(Escrow.NotDeposited.selector, uint256(20), uint256(40)));
        vm.prank(OWNER);
        escrow.lockWith("more", t);
        vm.expectEmit();
        emit Escrow.Withdrawn(OWNER, STRANGER, 20);
        vm.prank(OWNER);
        escrow.withdraw(20, STRANGER);
        vm.assertEq(STRANGER.balance, 20);
        vm.assertEq(address(escrow).balance, 80);
    }

    function test_value_must_be_the_amount_of_ones_own() public {
        Escrow.Terms memory t = termsOf(0, OWNER, OTHER);
        vm.deal(OWNER, 1000);
        vm.deal(AGENT, 1000);
        vm.prank(OWNER);
        escrow.authorize(AGENT, OTHER, true);
        for (uint256 value = t.amount - 1; value <= t.amount + 1; value += 2) {
            refused(abi.encodeWithSelector(Escrow.WrongValue.selector, value));
            vm.prank(OWNER);
            escrow.lockWith{value: value}(ID, t);
        }
        refused(abi.encodeWithSelector(Escrow.WrongValue.selector, t.amount));
        vm.prank(AGENT); // it would be the owner's if it came back
        escrow.lockWith{value: t.amount}(ID, t);
        for (uint256 s = 1; s < 4; ++s) {
            t = termsOf(s, OWNER, OTHER);
            refused(abi.encodeWithSelector(Escrow.WrongValue.selector, uint256(1)));
            vm.prank(OWNER);
            escrow.lockWith{value: 1}(ID, t);
        }
    }

    function test_a_deposit_is_its_owners() public {
        refused(abi.encodeWithSelector(Escrow.WrongValue.selector, uint256(0)));
        escrow.deposit();
        termsOf(0, OWNER, OTHER);
        refused(abi.encodeWithSelector(Escrow.NotDeposited.selector, uint256(0), uint256(1)));
        vm.prank(STRANGER);
        escrow.withdraw(1, STRANGER);
        refused(abi.encodeWithSelector(Escrow.NotDeposited.selector, amountOf(0), amountOf(0) + 1));
        vm.prank(OWNER);
        escrow.withdraw(amountOf(0) + 1, OWNER);
        refused(abi.encodeWithSelector(Escrow.NoReceiver.selector, address(0)));
        vm.prank(OWNER);
        escrow.withdraw(1, address(0));
    }

    function test_takes_in_nothing_that_was_not_asked_for() public {
        vm.deal(OWNER, 1);
        vm.prank(OWNER);
        (bool ok,) = address(escrow).call{value: 1}("");
        vm.assertFalse(ok, "native");
        deeds.mint(OWNER, 1);
        vm.prank(OWNER);
        vm.expectRevert();
        IERC721(address(deeds)).safeTransferFrom(OWNER, address(escrow), 1);
        goods.mint(OWNER, 1, 1);
        refused(abi.encodeWithSelector(Escrow.Unasked.selector, address(goods)));
        vm.prank(OWNER);
        goods.safeTransferFrom(OWNER, address(escrow), 1, 1, "");
        uint256[] memory one = new uint256[](1);
        one[0] = 1;
        refused(abi.encodeWithSelector(Escrow.Unasked.selector, address(goods)));
        vm.prank(OWNER);
        goods.safeBatchTransferFrom(OWNER, address(escrow), one, one, "");
        vm.assertTrue(escrow.supportsInterface(type(IERC1155Receiver).interfaceId), "receiver");
        vm.assertTrue(escrow.supportsInterface(type(IERC165).interfaceId), "165");
        vm.assertFalse(escrow.supportsInterface(0xffffffff), "anything");
    }

    // --- terms
    function test_refuses_terms_that_nobody_could_end() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.agent = address(0);
        termsRefused(t, abi.encodeWithSelector(Escrow.NoWayOut.selector));
        (t.hashlock, t.deadline) = (sha256(abi.encodePacked(PREIMAGE)), 0);
        termsRefused(t, abi.encodeWithSelector(Escrow.NoWayOut.selector));
        t.deadline = DEADLINE - 1001;
        termsRefused(t, abi.encodeWithSelector(Escrow.DeadlinePassed.selector, t.deadline));
        t.deadline = DEADLINE - 1000; // this very second
        lockAs(ID, t);
    }

    function test_refuses_receivers_that_cannot_receive() public {
        Escrow.Terms memory t = termsOf(1, OWNER, address(0));
        termsRefused(t, abi.encodeWithSelector(Escrow.NoReceiver.selector, address(0)));
        t.to = address(escrow);
        termsRefused(t, abi.encodeWithSelector(Escrow.NoReceiver.selector, address(escrow)));
    }

    function test_refuses_a_verifier_that_is_no_contract() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.condition.verifier = IReceiptVerifier(STRANGER);
        termsRefused(t, abi.encodeWithSelector(Escrow.NoVerifier.selector, STRANGER));
    }

    function test_refuses_nothing() public {
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            t.amount = 0;
            wrongAsset(t);
        }
    }

    // Each asset given as what it is not, with and without token id.
    function test_refuses_every_wrong_standard() public {
        Nothing nothing = new Nothing();
        address[5] memory tokens = [address(0), address(coins), address(deeds), address(goods), STRANGER];
        for (uint256 s = 0; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            deeds.mint(OWNER, 1 + 1000 * s);
            goods.mint(OWNER, 1 + 1000 * s, 1);
            for (uint256 k = 0; k < tokens.length; ++k) {
                if (k == s) continue;
                (t.token, t.tokenId, t.amount) = (tokens[k], 0, 1); // an ERC-721 token's id 1 would go in as an amount
                wrongAsset(t);
                t.tokenId = 1;
                wrongAsset(t);
            }
            t.token = address(nothing);
            vm.prank(OWNER);
            vm.expectRevert();
            escrow.lockWith(ID, t);
        }
        vm.assertEq(uint256(stateOf(escrow.keyOf(OWNER, ID))), uint256(Escrow.State.None));
    }

    function test_refuses_ids_and_amounts_that_do_not_fit_the_standard() public {
        Escrow.Terms memory t = termsOf(0, OWNER, OTHER);
        t.tokenId = 1;
        wrongAsset(t);
        t = termsOf(1, OWNER, OTHER);
        t.tokenId = 1;
        wrongAsset(t);
        t = termsOf(2, OWNER, OTHER);
        t.amount = 2;
        wrongAsset(t);
    }

    function test_refuses_a_standard_that_there_is_not() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        bytes memory data = abi.encodeCall(escrow.lockWith, (ID, t));
        data[4 + 32 + 31] = 0x04; // the terms' first word comes after the id
        vm.prank(OWNER);
        (bool ok,) = address(escrow).call(data);
        vm.assertFalse(ok, "standard 4");
    }

    function test_refuses_what_the_owner_does_not_have() public {
        Escrow.Terms memory t = termsOf(1, OWNER, OTHER);
        t.amount += 1;
        termsFail(t);
        t = termsOf(2, OWNER, OTHER);
        t.tokenId = 5; // nobody's
        termsFail(t);
        deeds.mint(STRANGER, 5);
        termsFail(t);
        t = termsOf(3, OWNER, OTHER);
        t.amount += 1;
        termsFail(t);
    }

    function test_refuses_what_was_not_approved() public {
        for (uint256 s = 1; s < 4; ++s) {
            Escrow.Terms memory t = termsOf(s, OWNER, OTHER);
            vm.prank(OWNER);
            if (s == 1) coins.approve(address(escrow), t.amount - 1);
            if (s == 2) deeds.setApprovalForAll(address(escrow), false);
            if (s == 3) goods.setApprovalForAll(address(escrow), false);
            termsFail(t);
        }
    }

    function test_says_what_is_locked() public {
        Escrow.Terms memory t = termsOf(3, OWNER, OTHER);
        t.hashlock = "hash";
        t.condition = Escrow.Condition(IReceiptVerifier(address(this)), "ledger", "binding", "member");
        bytes32 key = escrow.keyOf(OWNER, ID);
        vm.expectEmit();
        emit Escrow.Locked(key, OWNER, OTHER, OWNER, ID, t);
        lockAs(ID, t);
        Escrow.Lock memory wanted = Escrow.Lock(
            Escrow.State.Open,
            false,
            t.standard,
            t.deadline,
            t.token,
            OWNER,
            OTHER,
            AGENT,
            t.tokenId,
            t.amount,
            t.hashlock
        );
        vm.assertEq(keccak256(abi.encode(escrow.locks(key))), keccak256(abi.encode(wanted)));
        vm.assertEq(keccak256(abi.encode(escrow.conditions(key))), keccak256(abi.encode(t.condition)));
        vm.assertEq(key, keccak256(abi.encode(OWNER, ID)));
    }

    function testFuzz_any_amount_goes_where_the_lock_says(uint256 amount, uint256 sent, bytes32 id, bool release)
        public
    {
        vm.deal(OWNER, amount);
        Escrow.Terms memory t;
        (t.amount, t.from, t.to, t.agent) = (amount, OWNER, OTHER, AGENT);
        sent = within(sent, 0, amount);
        if (sent != amount || amount == 0) {
            vm.prank(OWNER);
            vm.expectRevert();
            escrow.lockWith{value: sent}(id, t);
            return;
        }
        vm.prank(OWNER);
        escrow.lockWith{value: sent}(id, t);
        vm.prank(AGENT);
        release ? escrow.releaseOf(OWNER, id) : escrow.refundOf(OWNER, id);
        vm.assertEq(OTHER.balance, release ? amount : 0);
        vm.assertEq(OWNER.balance, release ? 0 : amount);
    }

    function wrongAsset(Escrow.Terms memory t) private {
        termsRefused(t, abi.encodeWithSelector(Escrow.WrongAsset.selector, t.standard, t.token, t.tokenId, t.amount));
    }

    function termsRefused(Escrow.Terms memory t, bytes memory reason) private {
        refused(reason);
        vm.prank(OWNER);
        escrow.lockWith(ID, t);
    }

    // With the token's reason.
    function termsFail(Escrow.Terms memory t) private {
        vm.expectRevert();
        vm.prank(OWNER);
        escrow.lockWith(ID, t);
    }
}
