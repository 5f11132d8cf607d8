// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Escrowed} from "./Escrowed.sol";
import {Refuser} from "./Receivers.sol";

/// Makes locks of every standard and tries to end and deliver them, by the right callers and by others, before and after
/// their deadlines, to receivers that take and that refuse; and keeps a book of its own of what should be where.
contract Crowd is Escrowed {
    struct Made {
        bytes32 key;
        address locker;
        bytes32 id;
        Escrow.Terms terms;
        Escrow.State state;
        bool delivered;
    }

    Refuser public immutable refuser = new Refuser();
    Made[] private made;
    uint256 private now_ = 1_000_000;
    uint256 public clashes; // what succeeded and should not have, or the other way round
    uint256 public ends; // that locks came to
    bytes32 private constant PREIMAGE = "the secret";

    function theEscrow() external view returns (Escrow) {
        return escrow;
    }

    function count() external view returns (uint256) {
        return made.length;
    }

    function lockAt(uint256 i) external view returns (Made memory) {
        return made[i];
    }

    function heldOf(uint256 s) external view returns (uint256) {
        return balance(s, address(escrow));
    }

    function callerOf(uint256 seed) private view returns (address) {
        address[5] memory all = [OWNER, OTHER, AGENT, STRANGER, address(refuser)];
        return all[seed % 5];
    }

    function lock(uint256 standard, uint256 to, uint256 amount, uint256 seed) external {
        standard %= 4;
        Escrow.Terms memory t;
        t.standard = Escrow.Standard(standard);
        (t.token, t.tokenId, t.amount) = assetOf(standard);
        if (standard == 2) t.tokenId = 1000 + made.length;
        else t.amount = within(amount, 1, 1e24);
        (t.from, t.to, t.agent) = (OWNER, callerOf(to), seed % 3 == 0 ? address(0) : AGENT);
        t.deadline = seed % 3 != 0 && seed % 5 == 0 ? 0 : uint64(now_ + within(seed, 0, 500));
        t.hashlock = seed % 3 == 0 || seed % 2 == 0 ? sha256(abi.encodePacked(PREIMAGE)) : bytes32(0);
        give(t);
        address locker = OWNER;
        if (t.agent == AGENT && seed % 7 < 3) {
            locker = AGENT;
            vm.prank(OWNER);
            escrow.authorize(AGENT, address(0), true);
        }
        bytes32 id = bytes32(made.length);
        vm.warp(now_);
        vm.prank(locker);
        bytes32 key = escrow.lockWith(id, t);
        made.push(Made(key, locker, id, t, Escrow.State.Open, false));
    }

    function pass(uint256 time) external {
        now_ += within(time, 1, 200);
    }

    function mind(uint256 way) external {
        refuser.become(Refuser.Way(way % 2 == 0 ? 0 : 3));
    }

    function end(uint256 which, uint256 how, uint256 caller) external {
        if (made.length == 0) return;
        Made storage m = made[which % made.length];
        address by = callerOf(caller);
        how %= 3;
        vm.warp(now_);
        bool passed = m.terms.deadline != 0 && now_ > m.terms.deadline;
        bool may = m.state == Escrow.State.Open;
        bytes memory data;
        if (how == 0) {
            data = abi.encodeCall(escrow.releaseOf, (m.locker, m.id));
            may = may && !passed && by == m.terms.agent;
        } else if (how == 1) {
            data = abi.encodeCall(escrow.releaseWithPreimage, (m.locker, m.id, PREIMAGE));
            may = may && !passed && m.terms.hashlock != 0;
        } else {
            data = abi.encodeCall(escrow.refundOf, (m.locker, m.id));
            may = may && (passed || by == m.terms.agent);
        }
        vm.prank(by);
        (bool ok,) = address(escrow).call(data);
        if (ok != may) ++clashes;
        if (!ok) return;
        ++ends;
        m.state = how == 2 ? Escrow.State.Refunded : Escrow.State.Released;
        m.delivered = takes(m.terms.standard, how == 2 ? OWNER : m.terms.to);
    }

    function deliver(uint256 which, uint256 caller, bool elsewhere) external {
        if (made.length == 0) return;
        Made storage m = made[which % made.length];
        address by = callerOf(caller);
        address winner = m.state == Escrow.State.Refunded ? OWNER : m.terms.to;
        bool may = m.state != Escrow.State.Open && !m.delivered;
        may = may && (elsewhere ? by == winner : takes(m.terms.standard, winner));
        vm.prank(by);
        (bool ok,) = address(escrow)
            .call(
                elsewhere
                    ? abi.encodeCall(escrow.deliverTo, (m.locker, m.id, STRANGER))
                    : abi.encodeCall(escrow.deliver, (m.locker, m.id))
            );
        if (ok != may) ++clashes;
        if (ok) m.delivered = true;
    }

    function takes(Escrow.Standard standard, address who) private view returns (bool) {
        return who != address(refuser) || standard == Escrow.Standard.ERC20 || refuser.way() == Refuser.Way.Takes;
    }
}

contract EscrowInvariant is Escrowed {
    Crowd private crowd = new Crowd();

    function targetContracts() external view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(crowd);
    }

    struct Selectors {
        address target;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (Selectors[] memory out) {
        bytes4[] memory calls = new bytes4[](8);
        (calls[0], calls[1], calls[2]) = (Crowd.lock.selector, Crowd.lock.selector, Crowd.pass.selector);
        (calls[3], calls[4], calls[5]) = (Crowd.mind.selector, Crowd.end.selector, Crowd.end.selector);
        (calls[6], calls[7]) = (Crowd.end.selector, Crowd.deliver.selector);
        out = new Selectors[](1);
        out[0] = Selectors(address(crowd), calls);
    }

    function invariant_it_holds_what_is_locked_or_not_delivered_and_each_ends_once() external view {
        uint256[4] memory owed;
        uint256 ended;
        Escrow other = crowd.theEscrow();
        for (uint256 i = 0; i < crowd.count(); ++i) {
            Crowd.Made memory m = crowd.lockAt(i);
            Escrow.Lock memory one = other.locks(m.key);
            vm.assertEq(uint256(one.state), uint256(m.state));
            vm.assertTrue(one.delivered == m.delivered, "delivered");
            if (!m.delivered) owed[uint256(m.terms.standard)] += m.terms.amount;
            if (m.state != Escrow.State.Open) ++ended;
        }
        for (uint256 s = 0; s < 4; ++s) {
            vm.assertEq(crowd.heldOf(s), owed[s]);
        }
        vm.assertEq(crowd.clashes(), 0);
        vm.assertEq(crowd.ends(), ended);
        vm.assertEq(other.deposits(OWNER), 0);
    }
}
