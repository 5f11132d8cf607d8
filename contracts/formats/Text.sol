// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Values as Concordat's JSON writes them
/// @notice Decimals without leading zeros, bytes as 0x and lower-case hex (docs/formats.md §1, docs/evm.md). OpenZeppelin's
/// Strings would do, but needs later rules than London's.
library Text {
    function decimal(uint256 value) internal pure returns (string memory out) {
        uint256 length = 1;
        for (uint256 rest = value / 10; rest != 0; rest /= 10) {
            ++length;
        }
        bytes memory text = new bytes(length);
        while (length != 0) {
            text[--length] = bytes1(uint8(0x30 + value % 10));
            value /= 10;
        }
        return string(text);
    }

    function hexOf(address value) internal pure returns (string memory) {
        return hexOf(bytes32(bytes20(value)), 20);
    }

    function hexOf(bytes32 value) internal pure returns (string memory) {
        return hexOf(value, 32);
    }

    // Of the first `length` bytes.
    function hexOf(bytes32 value, uint256 length) private pure returns (string memory) {
        bytes16 digits = "0123456789abcdef";
        bytes memory text = new bytes(2 + 2 * length);
        (text[0], text[1]) = ("0", "x");
        for (uint256 i = 0; i < length; ++i) {
            text[2 + 2 * i] = digits[uint8(value[i]) >> 4];
            text[3 + 2 * i] = digits[uint8(value[i]) & 15];
        }
        return string(text);
    }
}
