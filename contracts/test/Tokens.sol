// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";

// What the escrow is tested with: tokens as they should be, and as they are. The library's ERC-721 and ERC-1155 need
// later rules than London's, so these are our own, with what the escrow and its users call.

contract Coins is ERC20 {
    constructor() ERC20("Coins", "COIN") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

contract Deeds {
    mapping(uint256 id => address) private owners;
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address => bool)) public isApprovedForAll;

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC721).interfaceId || id == 0x01ffc9a7;
    }

    function mint(address to, uint256 id) external {
        require(owners[id] == address(0), "exists");
        (owners[id], balanceOf[to]) = (to, balanceOf[to] + 1);
    }

    function ownerOf(uint256 id) public view returns (address) {
        require(owners[id] != address(0), "none");
        return owners[id];
    }

    function setApprovalForAll(address operator, bool approved) external {
        isApprovedForAll[msg.sender][operator] = approved;
    }

    function transferFrom(address from, address to, uint256 id) public {
        require(ownerOf(id) == from && (msg.sender == from || isApprovedForAll[from][msg.sender]), "not yours");
        owners[id] = to;
        --balanceOf[from];
        ++balanceOf[to];
    }

    function safeTransferFrom(address from, address to, uint256 id) external {
        transferFrom(from, to, id);
        if (to.code.length == 0) return;
        bytes4 answer = IERC721Receiver(to).onERC721Received(msg.sender, from, id, "");
        require(answer == IERC721Receiver.onERC721Received.selector, "refused");
    }
}

contract Goods {
    mapping(address owner => mapping(uint256 id => uint256)) public balanceOf;
    mapping(address owner => mapping(address => bool)) public isApprovedForAll;

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC1155).interfaceId || id == 0x01ffc9a7;
    }

    function mint(address to, uint256 id, uint256 amount) external {
        balanceOf[to][id] += amount;
    }

    function setApprovalForAll(address operator, bool approved) external {
        isApprovedForAll[msg.sender][operator] = approved;
    }

    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes calldata data) external {
        move(from, to, id, amount);
        if (to.code.length == 0) return;
        bytes4 answer = IERC1155Receiver(to).onERC1155Received(msg.sender, from, id, amount, data);
        require(answer == IERC1155Receiver.onERC1155Received.selector, "refused");
    }

    function safeBatchTransferFrom(
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        bytes calldata data
    ) external {
        for (uint256 i = 0; i < ids.length; ++i) {
            move(from, to, ids[i], amounts[i]);
        }
        bytes4 answer = IERC1155Receiver(to).onERC1155BatchReceived(msg.sender, from, ids, amounts, data);
        require(answer == IERC1155Receiver.onERC1155BatchReceived.selector, "refused");
    }

    function move(address from, address to, uint256 id, uint256 amount) private {
        require(msg.sender == from || isApprovedForAll[from][msg.sender], "not yours");
        balanceOf[from][id] -= amount;
        balanceOf[to][id] += amount;
    }
}

/// Returns nothing, as the oldest tokens do.
contract SilentCoins {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Misbehaves on request, from the moment on that it is told to.
contract MoodyCoins is Coins {
    enum Mood {
        Good,
        SaysFalse, // without moving anything
        KeepsFee, // of what it moves, one
        ChargesSender, // one on top
        Refuses
    }

    Mood public mood;
    address public blocked; // neither pays nor receives

    function feel(Mood mood_) external {
        mood = mood_;
    }

    function refuse(address account) external {
        blocked = account;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return mood != Mood.SaysFalse && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return mood != Mood.SaysFalse && super.transferFrom(from, to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(blocked == address(0) || (from != blocked && to != blocked), "blocked");
        require(mood != Mood.Refuses, "not today");
        super._update(from, to, amount);
        if (from == address(0) || to == address(0)) return;
        if (mood == Mood.KeepsFee) super._update(to, address(0), 1);
        if (mood == Mood.ChargesSender) super._update(from, address(0), 1);
    }
}

/// Tells both sides of each transfer before it moves anything, as ERC-777 does.
contract HookedCoins is Coins {
    function _update(address from, address to, uint256 amount) internal override {
        tell(from);
        tell(to);
        super._update(from, to, amount);
    }

    function tell(address who) private {
        if (who.code.length == 0) return;
        (bool ok,) = who.call(abi.encodeWithSignature("told()"));
        ok; // who cannot be told is not asked
    }
}

/// Says yes to everything and does nothing.
contract Nothing {
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id != 0xffffffff;
    }

    fallback() external {}
}
