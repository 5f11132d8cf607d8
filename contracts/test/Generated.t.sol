// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Claim, Entry, LedgerReceipt} from "../formats/Statements.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Reference} from "./Reference.sol";
import {Test, Vm} from "./Test.sol";

/// Trees of every shape, with keys, entries and alterations of forge's choice. The layouts are written out here a second
/// time on purpose.
contract GeneratedTest is Test {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    Vm.Wallet private ledgerWallet = vm.createWallet(uint256(keccak256("ledger")));
    Vm.Wallet private enclaveWallet = vm.createWallet(uint256(keccak256("enclave")));
    bytes32 private ledger;
    bytes32 private enclave;
    bytes32 private chain;

    function setUp() public {
        ledger = verifier.addLedger(bytes32(ledgerWallet.publicKeyX), bytes32(ledgerWallet.publicKeyY), false);
        enclave = verifier.addEnclave(bytes32(enclaveWallet.publicKeyX), bytes32(enclaveWallet.publicKeyY));
        (,, chain) = verifier.ledgers(ledger);
    }

    function testFuzz_accepts_an_entry_at_any_place_of_any_trees(
        Entry memory entry,
        uint256 batch,
        uint256 place,
        uint256 size,
        uint256 index,
        uint64 time
    ) public view {
        entry.kind = uint8(within(entry.kind, 1, 10));
        bytes32 id = idOf(entry);
        Claim memory claim = claimOf(id, batch, place);
        LedgerReceipt memory receipt = receiptOf(id, size, index, time);
        vm.assertEq(verifier.verify(ledger, entry, claim, receipt), id);
    }

    function testFuzz_refuses_any_other_sibling(
        Entry memory entry,
        uint256 size,
        uint256 index,
        uint256 level,
        bytes32 other
    ) public {
        entry.kind = uint8(within(entry.kind, 1, 10));
        bytes32 id = idOf(entry);
        size = within(size, 2, 40);
        Claim memory claim = claimOf(id, 1, 0);
        LedgerReceipt memory receipt = receiptOf(id, size, index, 1);
        level = within(level, 0, receipt.path.length - 1);
        if (receipt.path[level] == other) other = ~other;
        receipt.path[level] = other;
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        verifier.verify(ledger, entry, claim, receipt);
    }

    // No two places of a tree share a path, so a receipt says where its leaf is.
    function testFuzz_refuses_any_other_index(Entry memory entry, uint256 size, uint256 index, uint256 other)
        public
        view
    {
        entry.kind = uint8(within(entry.kind, 1, 10));
        bytes32 id = idOf(entry);
        size = within(size, 2, 40);
        Claim memory claim = claimOf(id, 1, 0);
        LedgerReceipt memory receipt = receiptOf(id, size, index, 1);
        other = within(other, 0, size + 2);
        if (other == receipt.index) return;
        receipt.index = uint64(other);
        try verifier.verify(ledger, entry, claim, receipt) returns (bytes32) {
            vm.assertTrue(false, "accepted at another place");
        } catch {}
    }

    function testFuzz_refuses_what_a_strange_key_signed(Entry memory entry, uint256 stranger) public {
        entry.kind = uint8(within(entry.kind, 1, 10));
        stranger = within(stranger, 1, ORDER - 1);
        if (stranger == ledgerWallet.privateKey) ++stranger;
        bytes32 id = idOf(entry);
        Claim memory claim = claimOf(id, 1, 0);
        LedgerReceipt memory receipt = receiptOf(id, 1, 0, 1);
        bytes32 root = sha256(abi.encodePacked(hex"004c", id, enclave));
        receipt.signature = sign(stranger, ledgerDigest(1, root, 1));
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.BadReceipt.selector, root));
        verifier.verify(ledger, entry, claim, receipt);
    }

    function testFuzz_public_state(
        uint256 size,
        uint256 index,
        bytes calldata name,
        bytes calldata value,
        bytes calldata other
    ) public {
        (bytes32[] memory leaves, uint256 i) = treeWith(
            sha256(abi.encodePacked(hex"0053", sha256(name), sha256(value))), within(size, 1, 40), index
        );
        bytes32 root = Reference.root(leaves, leaves.length);
        bytes32[] memory path = Reference.inclusion(leaves, i, leaves.length);
        verifier.verifyStateMember(root, name, value, uint64(i), uint64(leaves.length), path);
        if (keccak256(other) == keccak256(value)) return;
        vm.expectPartialRevert(ReceiptVerifier.NotInState.selector);
        verifier.verifyStateMember(root, name, other, uint64(i), uint64(leaves.length), path);
    }

    function idOf(Entry memory e) private pure returns (bytes32) {
        return sha256(
            bytes.concat(
                abi.encodePacked(uint8(0), e.kind),
                abi.encode(e.binding, e.version, e.sequence, e.previous),
                abi.encode(e.input, e.state, e.effects, e.document)
            )
        );
    }

    function claimOf(bytes32 id, uint256 size, uint256 place) private view returns (Claim memory) {
        (bytes32[] memory leaves, uint256 index) = treeWith(id, within(size, 1, 40), place);
        bytes32 digest = sha256(
            abi.encode(
                bytes32("concordat/enclave-root/1"),
                enclave,
                chain,
                leaves.length,
                Reference.root(leaves, leaves.length)
            )
        );
        bytes32[] memory path = Reference.inclusion(leaves, index, leaves.length);
        return Claim(enclave, uint64(index), uint64(leaves.length), path, sign(enclaveWallet.privateKey, digest));
    }

    function receiptOf(bytes32 id, uint256 size, uint256 place, uint64 time)
        private
        view
        returns (LedgerReceipt memory)
    {
        (bytes32[] memory leaves, uint256 index) = treeWith(
            sha256(abi.encodePacked(hex"004c", id, enclave)), within(size, 1, 40), place
        );
        bytes32 digest = ledgerDigest(leaves.length, Reference.root(leaves, leaves.length), time);
        bytes32[] memory path = Reference.inclusion(leaves, index, leaves.length);
        return LedgerReceipt(uint64(index), uint64(leaves.length), path, time, 0, sign(ledgerWallet.privateKey, digest));
    }

    function ledgerDigest(uint256 size, bytes32 root, uint64 time) private view returns (bytes32) {
        return sha256(abi.encode(bytes32("concordat/ledger-root/1"), ledger, size, root, time, uint256(0)));
    }

    function treeWith(bytes32 leaf, uint256 size, uint256 place)
        private
        pure
        returns (bytes32[] memory leaves, uint256 index)
    {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = keccak256(abi.encode("another leaf", i));
        }
        index = place % size;
        leaves[index] = leaf;
    }

    function sign(uint256 key, bytes32 digest) private pure returns (Es256k.Signature memory) {
        (, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Es256k.Signature(r, s);
    }
}
