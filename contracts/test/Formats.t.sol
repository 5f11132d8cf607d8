// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Keys} from "../formats/Keys.sol";
import {Test, Vm} from "./Test.sol";

contract FormatsTest is Test {
    function signedBy(address signer, bytes32 digest, Es256k.Signature calldata signature)
        external
        pure
        returns (bool)
    {
        return Es256k.isSignedBy(signer, digest, signature);
    }

    function identify(bytes32 x, bytes32 y) external pure returns (bytes32, address) {
        return Keys.identify(x, y);
    }

    // ecrecover answers zero to what is no signature. Zero is nobody's address.
    function test_nobody_signs() public view {
        vm.assertFalse(this.signedBy(address(0), 0, Es256k.Signature(0, 0)), "nobody");
        vm.assertFalse(this.signedBy(address(0), bytes32(uint256(7)), Es256k.Signature(bytes32(ORDER), 0)), "nobody");
    }

    // Both recovery ids occur, and for each signature one of its two forms counts.
    function testFuzz_low_s_only(uint256 privateKey, bytes32 digest, bytes32 other) public {
        Vm.Wallet memory wallet = vm.createWallet(within(privateKey, 1, ORDER - 1));
        (, bytes32 r, bytes32 s) = vm.sign(wallet.privateKey, digest);
        bytes32 high = bytes32(ORDER - uint256(s));
        vm.assertTrue(this.signedBy(wallet.addr, digest, Es256k.Signature(r, s)), "genuine");
        vm.assertFalse(this.signedBy(wallet.addr, digest, Es256k.Signature(r, high)), "high s");
        if (other == digest) return;
        vm.assertFalse(this.signedBy(wallet.addr, other, Es256k.Signature(r, s)), "another digest");
    }

    function testFuzz_a_key_has_one_address(uint256 privateKey) public {
        Vm.Wallet memory wallet = vm.createWallet(within(privateKey, 1, ORDER - 1));
        (, address signer) = this.identify(bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY));
        vm.assertEq(signer, wallet.addr);
    }

    function testFuzz_other_points_are_no_keys(bytes32 x, bytes32 y) public {
        uint256 p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
        uint256 cube = mulmod(mulmod(uint256(x), uint256(x), p), uint256(x), p);
        if (mulmod(uint256(y), uint256(y), p) == addmod(cube, 7, p)) return;
        vm.expectRevert(abi.encodeWithSelector(Keys.NotAKey.selector, x, y));
        this.identify(x, y);
    }
}
