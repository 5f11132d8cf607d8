// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Cash of the equity forward's sample: one unit is one cent, the owner is the bank that issues it
contract CashToken is ERC20, Ownable {
    constructor(string memory name, string memory symbol, address bank) ERC20(name, symbol) Ownable(bank) {}

    function decimals() public pure override returns (uint8) {
        return 2;
    }

    /// @param amount in cents
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }
}
