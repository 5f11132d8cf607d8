// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ES256K signatures: secp256k1 over SHA-256, 64 bytes r ‖ s, low s only
/// @notice ecrecover takes any 32-byte hash, so a SHA-256 digest serves as well as a Keccak one. The format has no
/// recovery id: both are tried, which costs one more call for half of the signatures and leaves the caller nothing to
/// choose. Source: RFC 8812 §3, docs/formats.md §1.
library Es256k {
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    struct Signature {
        bytes32 r;
        bytes32 s;
    }

    /// False for a high s: of the two forms of a signature only one counts, here as everywhere in Concordat.
    function isSignedBy(address signer, bytes32 digest, Signature calldata signature) internal pure returns (bool) {
        if (signer == address(0) || uint256(signature.s) > HALF_ORDER) return false;
        return ecrecover(digest, 27, signature.r, signature.s) == signer
            || ecrecover(digest, 28, signature.r, signature.s) == signer;
    }
}
