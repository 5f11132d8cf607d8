// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";

/// @title What follows from a secp256k1 public key
/// @notice Concordat names a key by its RFC 7638 thumbprint, the EVM by an address. Both are computed here from the same
/// coordinates, so that nobody can register an address under the thumbprint of another key.
/// Source: docs/formats.md §1 and §4, RFC 7638, SEC 2.
library Keys {
    uint256 private constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;

    /// The coordinates are not those of a point of secp256k1.
    error NotAKey(bytes32 x, bytes32 y);

    /// @param x, y affine coordinates, as in the JWK but as 32 bytes each
    /// @return thumbprint SHA-256 of the JWK in RFC 8785 form
    /// @return signer the address that ecrecover gives for the key's signatures
    function identify(bytes32 x, bytes32 y) internal pure returns (bytes32 thumbprint, address signer) {
        if (!onCurve(uint256(x), uint256(y))) revert NotAKey(x, y);
        thumbprint = sha256(
            abi.encodePacked(
                '{"crv":"secp256k1","kty":"EC","x":"',
                Base64.encodeURL(abi.encodePacked(x)),
                '","y":"',
                Base64.encodeURL(abi.encodePacked(y)),
                '"}'
            )
        );
        signer = address(uint160(uint256(keccak256(abi.encodePacked(x, y)))));
    }

    /// SHA-256 of the ledger's chain text: "ccl:" and the first 32 hex digits of its service key's thumbprint.
    function chainDigest(bytes32 thumbprint) internal pure returns (bytes32) {
        bytes memory text = "ccl:00000000000000000000000000000000";
        for (uint256 i = 0; i < 16; ++i) {
            text[4 + 2 * i] = digit(uint8(thumbprint[i]) >> 4);
            text[5 + 2 * i] = digit(uint8(thumbprint[i]) & 15);
        }
        return sha256(text);
    }

    function onCurve(uint256 x, uint256 y) private pure returns (bool) {
        if (x >= FIELD || y >= FIELD) return false;
        return mulmod(y, y, FIELD) == addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 7, FIELD);
    }

    function digit(uint8 value) private pure returns (bytes1) {
        return bytes1(value < 10 ? 0x30 + value : 0x57 + value);
    }
}
