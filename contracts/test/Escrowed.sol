// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../Escrow.sol";
import {Test} from "./Test.sol";
import {Coins, Deeds, Goods} from "./Tokens.sol";

/// An escrow, who uses it, and one asset of each standard.
abstract contract Escrowed is Test {
    Escrow internal escrow = new Escrow();
    Coins internal coins = new Coins();
    Deeds internal deeds = new Deeds();
    Goods internal goods = new Goods();
    address internal constant OWNER = address(0xa11ce);
    address internal constant OTHER = address(0xb0b);
    address internal constant AGENT = address(0xa6e47);
    address internal constant STRANGER = address(0x57a6);
    uint64 internal constant DEADLINE = 2_000_000_000;
    bytes32 internal constant ID = "lock 1";

    /// Of one asset of the standard, released by AGENT; `from` has it and has approved the escrow.
    function termsOf(uint256 standard, address from, address to) internal returns (Escrow.Terms memory t) {
        t.standard = Escrow.Standard(standard);
        (t.token, t.tokenId, t.amount) = assetOf(standard);
        (t.from, t.to, t.agent, t.deadline) = (from, to, AGENT, DEADLINE);
        give(t);
    }

    function assetOf(uint256 standard) internal view returns (address token, uint256 tokenId, uint256 amount) {
        if (standard == 0) return (address(0), 0, 70);
        if (standard == 1) return (address(coins), 0, 71);
        if (standard == 2) return (address(deeds), 72, 1);
        return (address(goods), 73, 74);
    }

    function give(Escrow.Terms memory t) internal {
        if (t.standard == Escrow.Standard.Native) {
            vm.deal(t.from, t.from.balance + t.amount);
            vm.prank(t.from);
            escrow.deposit{value: t.amount}();
        } else if (t.standard == Escrow.Standard.ERC20) {
            coins.mint(t.from, t.amount);
            vm.prank(t.from);
            coins.approve(address(escrow), type(uint256).max);
        } else if (t.standard == Escrow.Standard.ERC721) {
            deeds.mint(t.from, t.tokenId);
            vm.prank(t.from);
            deeds.setApprovalForAll(address(escrow), true);
        } else {
            goods.mint(t.from, t.tokenId, t.amount);
            vm.prank(t.from);
            goods.setApprovalForAll(address(escrow), true);
        }
    }

    /// By the owner of the asset.
    function lockAs(bytes32 id, Escrow.Terms memory t) internal returns (bytes32) {
        vm.prank(t.from);
        return escrow.lockWith(id, t);
    }

    function balance(uint256 standard, address who) internal view returns (uint256) {
        if (standard == 0) return who.balance;
        if (standard == 1) return coins.balanceOf(who);
        if (standard == 2) return deeds.balanceOf(who);
        return goods.balanceOf(who, 73);
    }

    function amountOf(uint256 standard) internal view returns (uint256 amount) {
        (,, amount) = assetOf(standard);
    }

    function stateOf(bytes32 key) internal view returns (Escrow.State) {
        return escrow.locks(key).state;
    }

    function expectState(bytes32 key, Escrow.State state, bool delivered) internal view {
        Escrow.Lock memory one = escrow.locks(key);
        vm.assertEq(uint256(one.state), uint256(state));
        vm.assertTrue(one.delivered == delivered, "delivered");
    }

    function refused(bytes4 selector) internal {
        vm.expectPartialRevert(selector);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
    }
}
