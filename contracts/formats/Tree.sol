// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Merkle trees of the shape of RFC 9162 over leaves that are already hashes
/// @notice node = SHA-256(0x01 ‖ left ‖ right); a path goes from the leaf to the root. Source: docs/formats.md §2,
/// RFC 9162 §2.1.3.2 (inclusion) and §2.1.4.2 (consistency).
library Tree {
    /// Index, size and path cannot belong together.
    error PathDoesNotFit(uint64 index, uint64 size, uint256 length);

    /// By hand, as sha256(abi.encodePacked(0x01, left, right)) would cost three times as much, and a proof is little else.
    function node(bytes32 left, bytes32 right) internal view returns (bytes32 out) {
        assembly ("memory-safe") {
            let text := mload(0x40) // past all that is in use; nothing is kept there
            mstore8(text, 1)
            mstore(add(text, 1), left)
            mstore(add(text, 33), right)
            if iszero(staticcall(gas(), 2, text, 65, 0, 32)) { revert(0, 0) }
            out := mload(0)
        }
    }

    /// The root that leaf and path lead to in a tree of `size` leaves. Each index has one length of path, so the loop ends
    /// after 64 steps at most, whatever the caller sends.
    function rootOf(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata path)
        internal
        view
        returns (bytes32 root)
    {
        if (index >= size) revert PathDoesNotFit(index, size, path.length);
        uint64 place = index;
        uint64 last = size - 1;
        root = leaf;
        for (uint256 i = 0; i < path.length; ++i) {
            if (last == 0) revert PathDoesNotFit(index, size, path.length);
            if (place & 1 == 1 || place == last) {
                root = node(path[i], root);
                (place, last) = skipLevels(place, last);
            } else {
                root = node(root, path[i]);
            }
            place >>= 1;
            last >>= 1;
        }
        if (last != 0) revert PathDoesNotFit(index, size, path.length);
    }

    /// Whether the tree of `to` leaves begins with the tree of `from` leaves, 0 < from < to.
    function isConsistent(uint64 from, bytes32 fromRoot, uint64 to, bytes32 toRoot, bytes32[] calldata path)
        internal
        view
        returns (bool)
    {
        if (from == 0 || from >= to || path.length == 0) return false;
        // A complete tree is a node of the later one, so the proof leaves it out: the verifier has its root.
        bool complete = from & (from - 1) == 0;
        uint64 place = from - 1;
        uint64 last = to - 1;
        while (place & 1 == 1) {
            place >>= 1;
            last >>= 1;
        }
        bytes32 older = complete ? fromRoot : path[0];
        bytes32 newer = older;
        for (uint256 i = complete ? 0 : 1; i < path.length; ++i) {
            if (last == 0) return false;
            if (place & 1 == 1 || place == last) {
                older = node(path[i], older);
                newer = node(path[i], newer);
                (place, last) = skipLevels(place, last);
            } else {
                newer = node(newer, path[i]);
            }
            place >>= 1;
            last >>= 1;
        }
        return last == 0 && older == fromRoot && newer == toRoot;
    }

    // Above a last node that has no sibling, the tree has no node of its own until its path turns left.
    function skipLevels(uint64 place, uint64 last) private pure returns (uint64, uint64) {
        while (place & 1 == 0 && place != 0) {
            place >>= 1;
            last >>= 1;
        }
        return (place, last);
    }
}
