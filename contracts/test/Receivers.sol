// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {Escrow} from "../Escrow.sol";

/// Takes no coin, no ERC-721 and no ERC-1155 token, until it is told to; can say where else they should go.
contract Refuser is IERC721Receiver {
    enum Way {
        Reverts,
        BurnsGas,
        SaysMuch, // reverts with a megabyte
        Takes,
        BurnsAndSaysMuch // so that not even the answer can be copied with the gas that is left
    }

    Way public way;

    function become(Way way_) external {
        way = way_;
    }

    function sendElsewhere(Escrow escrow, address locker, bytes32 id, address receiver) external {
        escrow.deliverTo(locker, id, receiver);
    }

    receive() external payable {
        act();
    }

    function onERC721Received(address, address, uint256, bytes calldata) external view returns (bytes4) {
        act();
        return IERC721Receiver.onERC721Received.selector;
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external view returns (bytes4) {
        act();
        return IERC1155Receiver.onERC1155Received.selector;
    }

    function act() private view {
        if (way == Way.Takes) return;
        if (way == Way.BurnsGas) while (true) {}
        if (way == Way.SaysMuch) {
            assembly ("memory-safe") {
                revert(0x80, 1000000)
            }
        }
        if (way == Way.BurnsAndSaysMuch) {
            assembly ("memory-safe") {
                mstore(99000, 1) // within what is answered, or the compiler leaves it out
                for {} gt(gas(), 500) {} {}
                revert(0x80, 99000)
            }
        }
        revert("no");
    }
}

/// On whatever it is told or given, calls the escrow with what it was set up with, and remembers whether it got through.
contract Reenterer is IERC721Receiver {
    address public target;
    bytes[] private calls;
    uint256 public tried;
    uint256 public succeeded;
    bool private inside;
    bool private refuses;

    function refuseNext(bool refuses_) external {
        refuses = refuses_;
    }

    function aim(address target_, bytes[] calldata calls_) external {
        target = target_;
        delete calls;
        for (uint256 i = 0; i < calls_.length; ++i) {
            calls.push(calls_[i]);
        }
    }

    function run(address to, bytes calldata data) external payable returns (bool ok) {
        (ok,) = to.call{value: msg.value}(data);
    }

    receive() external payable {
        attack();
    }

    function told() external {
        attack();
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        attack();
        return IERC721Receiver.onERC721Received.selector;
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        attack();
        return IERC1155Receiver.onERC1155Received.selector;
    }

    function attack() private {
        require(!refuses, "no");
        if (inside) return;
        inside = true;
        for (uint256 i = 0; i < calls.length; ++i) {
            ++tried;
            (bool ok,) = target.call(calls[i]);
            if (ok) ++succeeded;
        }
        inside = false;
    }
}
