// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Key, Proven, Vectors} from "./Vectors.sol";

/// Changes the call itself, byte by byte: ledger, entry, claim, receipt, every path element, every length and offset.
contract MutationTest is Vectors {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    bytes32 private ledger = ledgerKey().thumbprint;

    uint256 private constant CLAIM = 10 * 32; // after ledger and the nine words of the entry: where the claim is
    uint256 private constant RECEIPT = 11 * 32;
    uint256 private constant PATH = 3 * 32; // within a claim, after enclave, index, size; one less within a receipt

    function setUp() public {
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        verifier.addEnclave(enclaveKey(1).x, enclaveKey(1).y);
    }

    function test_every_altered_byte_of_every_entry_is_refused() public view {
        uint256 n = count("entries");
        for (uint256 i = 0; i < n; ++i) {
            bytes memory data = genuine(i);
            for (uint256 k = 4; k < data.length; ++k) {
                if (placesNothing(data, k)) continue;
                refused(data, k, bytes1(uint8(1 + uint256(keccak256(abi.encode(i, k))) % 255)));
            }
            accepted(data);
        }
    }

    function test_every_altered_bit_is_refused() public view {
        bytes memory data = genuine(count("entries") - 2);
        for (uint256 k = 4; k < data.length; ++k) {
            for (uint256 bit = 0; bit < 8; ++bit) {
                refused(data, k, bytes1(uint8(1 << bit)));
            }
        }
        accepted(data);
    }

    function test_every_shorter_call_is_refused() public view {
        bytes memory data = genuine(count("entries") - 2);
        for (uint256 length = data.length - 1; length > 0; --length) {
            assembly ("memory-safe") {
                mstore(data, length)
            }
            (bool ok,) = address(verifier).staticcall(data);
            vm.assertFalse(ok, "accepted a call cut short");
        }
    }

    // Where an empty path stands is not part of what is proven: any place that reads as zero says the same.
    function placesNothing(bytes memory data, uint256 k) private pure returns (bool) {
        uint256 claimPath = word(data, CLAIM) + PATH;
        uint256 receiptPath = word(data, RECEIPT) + PATH - 32;
        return (inWord(k, claimPath) && word(data, word(data, CLAIM) + word(data, claimPath)) == 0)
            || (inWord(k, receiptPath) && word(data, word(data, RECEIPT) + word(data, receiptPath)) == 0);
    }

    function inWord(uint256 k, uint256 place) private pure returns (bool) {
        return k >= 4 + place && k < 36 + place;
    }

    // Argument words by their place after the selector.
    function word(bytes memory data, uint256 place) private pure returns (uint256 out) {
        assembly ("memory-safe") {
            out := mload(add(data, add(36, place)))
        }
    }

    function genuine(uint256 i) private view returns (bytes memory data) {
        Proven memory p = proven(i);
        data = abi.encodeCall(ReceiptVerifier.verify, (ledger, p.entry, p.claim, p.receipt));
        accepted(data);
    }

    function accepted(bytes memory data) private view {
        (bool ok,) = address(verifier).staticcall(data);
        vm.assertTrue(ok, "refused a genuine entry");
    }

    function refused(bytes memory data, uint256 k, bytes1 change) private view {
        data[k] ^= change;
        (bool ok,) = address(verifier).staticcall(data);
        if (ok) vm.assertFalse(ok, string.concat("accepted with byte ", vm.toString(k), " altered"));
        data[k] ^= change;
    }
}
