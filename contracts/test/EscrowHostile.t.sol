// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Escrowed} from "./Escrowed.sol";
import {Reenterer, Refuser} from "./Receivers.sol";
import {HookedCoins, MoodyCoins, SilentCoins} from "./Tokens.sol";

/// Receivers and tokens that do what they should not: a lock ends all the same, and other locks are not touched.
contract EscrowHostileTest is Escrowed {
    bytes32 private constant PREIMAGE = "the secret";
    Refuser private refuser = new Refuser();
    MoodyCoins private moody = new MoodyCoins();
    Escrow.Condition private noCondition;

    function setUp() public {
        vm.warp(DEADLINE - 1000);
    }

    // --- receivers
    function test_a_refusal_holds_up_nobody() public {
        for (uint256 s = 0; s < 4; ++s) {
            if (s == 1) continue; // an ERC-20 receiver is not asked
            for (uint256 way = 0; way < 3; ++way) {
                refuser.become(Refuser.Way(way));
                bytes32 id = keccak256(abi.encode(s, way));
                bytes32 key = lockAs(id, uniqueTerms(s, way, OWNER, address(refuser)));
                vm.expectEmit();
                emit Escrow.Released(key, address(refuser), 0);
                emit Escrow.Undelivered(key, address(refuser));
                vm.prank(AGENT);
                escrow.releaseOf{gas: 700_000}(OWNER, id);
                expectState(key, Escrow.State.Released, false);
                deliverLater(key, id, way % 2 == 0);
            }
            vm.assertEq(balance(s, address(escrow)), 0);
        }
    }

    function test_a_refund_is_not_held_up_either() public {
        for (uint256 s = 0; s < 4; ++s) {
            if (s == 1) continue;
            refuser.become(Refuser.Way.Reverts);
            bytes32 key = lockAs(bytes32(s), termsOf(s, address(refuser), OTHER));
            vm.warp(DEADLINE + 1);
            escrow.refundOf(address(refuser), bytes32(s));
            expectState(key, Escrow.State.Refunded, false);
            bytes memory reason = abi.encodeWithSelector(Escrow.NotWinner.selector, OTHER);
            refused(reason);
            vm.prank(OTHER);
            escrow.deliverTo(address(refuser), bytes32(s), OTHER);
            refuser.become(Refuser.Way.Takes);
            escrow.deliver(address(refuser), bytes32(s));
            vm.assertEq(balance(s, address(refuser)), amountOf(s));
            vm.warp(DEADLINE);
        }
    }

    // Each round its own ERC-721 token, as one moves only once.
    function uniqueTerms(uint256 s, uint256 round, address from, address to) private returns (Escrow.Terms memory t) {
        if (s != 2) return termsOf(s, from, to);
        t = Escrow.Terms(
            Escrow.Standard.ERC721, address(deeds), 100 + round, 1, from, to, AGENT, DEADLINE, 0, noCondition
        );
        give(t);
    }

    function deliverLater(bytes32 key, bytes32 id, bool elsewhere) private {
        vm.expectRevert();
        escrow.deliver{gas: 700_000}(OWNER, id);
        refused(abi.encodeWithSelector(Escrow.NotWinner.selector, address(this)));
        escrow.deliverTo(OWNER, id, address(this));
        refused(abi.encodeWithSelector(Escrow.NoReceiver.selector, address(0)));
        refuser.sendElsewhere(escrow, OWNER, id, address(0));
        refused(abi.encodeWithSelector(Escrow.NoReceiver.selector, address(escrow)));
        refuser.sendElsewhere(escrow, OWNER, id, address(escrow));
        if (elsewhere) {
            vm.expectEmit();
            emit Escrow.Delivered(key, STRANGER);
            refuser.sendElsewhere(escrow, OWNER, id, STRANGER);
        } else {
            refuser.become(Refuser.Way.Takes);
            vm.expectEmit();
            emit Escrow.Delivered(key, address(refuser));
            escrow.deliver(OWNER, id);
        }
        refused(abi.encodeWithSelector(Escrow.AlreadyDelivered.selector, key));
        refuser.sendElsewhere(escrow, OWNER, id, STRANGER);
    }

    // A call with too little gas does nothing, rather than half: at no limit does it end the lock and hand over nothing.
    function testFuzz_little_gas_does_nothing_by_halves(uint256 gas, uint256 standard) public {
        gas = within(gas, 30_000, 350_000);
        standard %= 4;
        Escrow.Terms memory t = termsOf(standard, OWNER, OTHER);
        t.hashlock = sha256(abi.encodePacked(PREIMAGE));
        bytes32 key = lockAs(ID, t);
        try escrow.releaseWithPreimage{gas: gas}(OWNER, ID, PREIMAGE) {}
        catch {
            vm.assertTrue(gas < 300_000, "enough"); // as docs/contracts.md has it
            expectState(key, Escrow.State.Open, false);
            vm.assertEq(balance(standard, address(escrow)), t.amount);
            escrow.releaseWithPreimage(OWNER, ID, PREIMAGE);
        }
        vm.assertEq(balance(standard, OTHER), t.amount);
        expectState(key, Escrow.State.Released, true);
    }

    // The closer to the least gas, the less is left when a receiver has burned all that he was given.
    function testFuzz_who_burns_all_gas_does_not_undo_the_end(uint256 gas, bool answers) public {
        gas = within(gas, 226_000, 300_000);
        refuser.become(answers ? Refuser.Way.BurnsAndSaysMuch : Refuser.Way.BurnsGas);
        bytes32 key = lockAs(ID, termsOf(0, OWNER, address(refuser)));
        vm.prank(AGENT);
        escrow.releaseOf{gas: gas}(OWNER, ID);
        expectState(key, Escrow.State.Released, false);
    }

    function test_only_the_escrow_hands_over_by_itself() public {
        lockAs(ID, termsOf(1, OWNER, OTHER));
        bytes32 key = escrow.keyOf(OWNER, ID);
        refused(abi.encodeWithSelector(Escrow.NotSelf.selector, STRANGER));
        vm.prank(STRANGER);
        escrow.tryHandOver(key, STRANGER);
    }

    // --- tokens
    function coinTerms(address token, uint256 amount) private view returns (Escrow.Terms memory) {
        return Escrow.Terms(Escrow.Standard.ERC20, token, 0, amount, OWNER, OTHER, AGENT, DEADLINE, 0, noCondition);
    }

    function lockMoody(bytes32 id, uint256 amount) private returns (bytes32) {
        moody.mint(OWNER, amount);
        vm.prank(OWNER);
        moody.approve(address(escrow), type(uint256).max);
        return lockAs(id, coinTerms(address(moody), amount));
    }

    function releaseMoody(bytes32 id) private {
        vm.prank(AGENT);
        escrow.releaseOf(OWNER, id);
    }

    function test_takes_tokens_that_return_nothing() public {
        SilentCoins silent = new SilentCoins();
        silent.mint(OWNER, 9);
        vm.prank(OWNER);
        silent.approve(address(escrow), 9);
        lockAs(ID, coinTerms(address(silent), 9));
        vm.assertEq(silent.balanceOf(address(escrow)), 9);
        releaseMoody(ID);
        vm.assertEq(silent.balanceOf(OTHER), 9);
    }

    function test_refuses_what_does_not_arrive_whole() public {
        moody.mint(OWNER, 100);
        vm.prank(OWNER);
        moody.approve(address(escrow), 100);
        moody.feel(MoodyCoins.Mood.KeepsFee);
        refused(abi.encodeWithSelector(Escrow.NotExact.selector, address(moody), uint256(50)));
        lockAs(ID, coinTerms(address(moody), 50));
        moody.feel(MoodyCoins.Mood.SaysFalse);
        vm.expectRevert();
        lockAs(ID, coinTerms(address(moody), 50));
        moody.feel(MoodyCoins.Mood.Refuses);
        vm.expectRevert();
        lockAs(ID, coinTerms(address(moody), 50));
        vm.assertEq(moody.balanceOf(OWNER), 100);
    }

    function test_a_token_that_refuses_is_delivered_later() public {
        bytes32 key = lockMoody(ID, 50);
        MoodyCoins.Mood[2] memory moods = [MoodyCoins.Mood.SaysFalse, MoodyCoins.Mood.Refuses];
        moody.feel(moods[0]);
        releaseMoody(ID);
        for (uint256 i = 0; i < 2; ++i) {
            moody.feel(moods[i]);
            expectState(key, Escrow.State.Released, false);
            vm.expectRevert();
            escrow.deliver(OWNER, ID);
        }
        moody.feel(MoodyCoins.Mood.Good);
        escrow.deliver(OWNER, ID);
        vm.assertEq(moody.balanceOf(OTHER), 50);
    }

    function test_who_is_blocked_by_a_token_names_another_receiver() public {
        lockMoody(ID, 50);
        moody.refuse(OTHER);
        releaseMoody(ID);
        vm.expectRevert();
        escrow.deliver(OWNER, ID);
        vm.prank(OTHER);
        escrow.deliverTo(OWNER, ID, STRANGER);
        vm.assertEq(moody.balanceOf(STRANGER), 50);
    }

    // A fee that comes up later is never paid out of another's lock.
    function test_a_lock_is_never_paid_from_another() public {
        bytes32 key = lockMoody("first", 50);
        lockMoody("second", 30);
        moody.feel(MoodyCoins.Mood.ChargesSender);
        releaseMoody("first");
        expectState(key, Escrow.State.Released, false);
        refused(abi.encodeWithSelector(Escrow.NotExact.selector, address(moody), uint256(50)));
        escrow.deliver(OWNER, "first");
        vm.assertEq(moody.balanceOf(address(escrow)), 80);
        moody.feel(MoodyCoins.Mood.KeepsFee); // the receiver's to bear
        escrow.deliver(OWNER, "first");
        vm.assertEq(moody.balanceOf(OTHER), 49);
        vm.assertEq(moody.balanceOf(address(escrow)), 30);
    }

    // --- reentrancy
    /// Everything that the attacker may rightly call: its own locks, deposit and coins.
    function attacks(Reenterer attacker) private returns (bytes[] memory calls) {
        address me = address(attacker);
        coins.mint(me, 100);
        vm.prank(me);
        coins.approve(address(escrow), type(uint256).max);
        vm.deal(me, 100);
        vm.prank(me);
        escrow.deposit{value: 50}();
        Escrow.Terms memory t = coinTerms(address(coins), 1);
        (t.from, t.to, t.agent, t.hashlock) = (me, STRANGER, me, sha256(abi.encodePacked(PREIMAGE)));
        bytes32[5] memory ids = [bytes32("a"), "b", "c", "d", "e"];
        for (uint256 i = 0; i < ids.length; ++i) {
            lockAs(ids[i], t);
        }
        calls = new bytes[](8);
        calls[0] = abi.encodeCall(escrow.release, ("a"));
        calls[1] = abi.encodeCall(escrow.releaseOf, (me, "b"));
        calls[2] = abi.encodeCall(escrow.releaseWithPreimage, (me, "c", PREIMAGE));
        calls[3] = abi.encodeCall(escrow.refund, ("d"));
        calls[4] = abi.encodeCall(escrow.refundOf, (me, "e"));
        calls[5] = abi.encodeCall(escrow.withdraw, (10, STRANGER));
        calls[6] = abi.encodeCall(escrow.lockWith, ("f", t));
        calls[7] = abi.encodeCall(escrow.lock, ("g", t.standard, t.token, 0, 1, me, STRANGER, 0));
        attacker.aim(address(escrow), calls);
    }

    function expectHeldOff(Reenterer attacker, bytes[] memory calls) private {
        vm.assertEq(attacker.tried(), calls.length);
        vm.assertEq(attacker.succeeded(), 0);
        // From outside each of them is its right.
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.assertTrue(attacker.run(address(escrow), calls[i]), vm.toString(i));
        }
    }

    function test_a_receiver_cannot_come_back_in() public {
        for (uint256 s = 0; s < 4; ++s) {
            if (s == 1) continue;
            Reenterer attacker = new Reenterer();
            Escrow.Terms memory t = termsOf(s, OWNER, address(attacker));
            bytes32 key = lockAs(bytes32(s), t);
            bytes[] memory calls = attacks(attacker);
            uint256 before = balance(s, address(attacker));
            vm.prank(AGENT);
            escrow.releaseOf(OWNER, bytes32(s));
            expectState(key, Escrow.State.Released, true);
            vm.assertEq(balance(s, address(attacker)), before + t.amount);
            expectHeldOff(attacker, calls);
        }
    }

    function test_an_owner_whom_the_token_tells_cannot_come_back_in() public {
        HookedCoins hooked = new HookedCoins();
        Reenterer attacker = new Reenterer();
        hooked.mint(address(attacker), 5); // told, before it is aimed
        bytes[] memory calls = attacks(attacker);
        vm.prank(address(attacker));
        hooked.approve(address(escrow), 5);
        Escrow.Terms memory t = coinTerms(address(hooked), 5);
        (t.from, t.to) = (address(attacker), OTHER);
        lockAs(ID, t);
        vm.assertEq(hooked.balanceOf(address(escrow)), 5);
        expectHeldOff(attacker, calls);
    }

    // Asked by `deliver` and by `withdraw`, it is no different.
    function test_nobody_comes_back_in_by_deliver_or_withdraw() public {
        Reenterer attacker = new Reenterer();
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 id = bytes32(i);
            lockAs(id, termsOf(0, OWNER, address(attacker)));
            attacker.refuseNext(true);
            vm.prank(AGENT);
            escrow.releaseOf(OWNER, id);
            expectState(escrow.keyOf(OWNER, id), Escrow.State.Released, false);
        }
        attacker.refuseNext(false);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(escrow.deliver, (OWNER, bytes32(uint256(1))));
        calls[1] = abi.encodeCall(escrow.deliverTo, (OWNER, bytes32(uint256(1)), STRANGER));
        calls[2] = abi.encodeCall(escrow.withdraw, (1, STRANGER));
        attacker.aim(address(escrow), calls);
        vm.deal(address(attacker), 9);
        vm.prank(address(attacker));
        escrow.deposit{value: 9}();
        escrow.deliver(OWNER, 0);
        vm.prank(address(attacker));
        escrow.withdraw(7, address(attacker));
        vm.assertEq(attacker.tried(), 6);
        vm.assertEq(attacker.succeeded(), 0);
        vm.assertTrue(attacker.run(address(escrow), calls[2]), "withdraw");
        vm.assertTrue(attacker.run(address(escrow), calls[1]), "deliverTo");
    }
}
