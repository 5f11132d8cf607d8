// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// RFC 9162 §2.1 as its definitions read, by recursion over the leaves: what the contracts' loops are compared with.
library Reference {
    function root(bytes32[] memory leaves, uint256 size) internal pure returns (bytes32) {
        return range(leaves, 0, size);
    }

    /// PATH(m, D_n), §2.1.3.1.
    function inclusion(bytes32[] memory leaves, uint256 index, uint256 size) internal pure returns (bytes32[] memory) {
        return pathIn(leaves, index, 0, size);
    }

    /// PROOF(m, D_n), §2.1.4.1.
    function consistency(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32[] memory) {
        return subproof(leaves, from, 0, to, true);
    }

    function range(bytes32[] memory leaves, uint256 begin, uint256 end) private pure returns (bytes32) {
        if (end - begin == 1) return leaves[begin];
        uint256 middle = begin + split(end - begin);
        return sha256(abi.encodePacked(uint8(1), range(leaves, begin, middle), range(leaves, middle, end)));
    }

    function pathIn(bytes32[] memory leaves, uint256 index, uint256 begin, uint256 end)
        private
        pure
        returns (bytes32[] memory)
    {
        if (end - begin == 1) return new bytes32[](0);
        uint256 middle = begin + split(end - begin);
        if (index < middle) return append(pathIn(leaves, index, begin, middle), range(leaves, middle, end));
        return append(pathIn(leaves, index, middle, end), range(leaves, begin, middle));
    }

    function subproof(bytes32[] memory leaves, uint256 from, uint256 begin, uint256 end, bool whole)
        private
        pure
        returns (bytes32[] memory)
    {
        if (from == end) {
            return whole ? new bytes32[](0) : append(new bytes32[](0), range(leaves, begin, end));
        }
        uint256 middle = begin + split(end - begin);
        if (from <= middle) {
            return append(subproof(leaves, from, begin, middle, whole), range(leaves, middle, end));
        }
        return append(subproof(leaves, from, middle, end, false), range(leaves, begin, middle));
    }

    function split(uint256 n) private pure returns (uint256 k) {
        for (k = 1; 2 * k < n; k *= 2) {}
    }

    function append(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory out) {
        out = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            out[i] = list[i];
        }
        out[list.length] = last;
    }
}
