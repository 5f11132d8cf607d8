// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Place} from "../formats/ProvenState.sol";
import {Claim, Entry, LedgerReceipt} from "../formats/Statements.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Reference} from "./Reference.sol";
import {Test, Vm} from "./Test.sol";

/// An entry that its verifier finds genuine, with what a contract is shown of it.
struct Shown {
    bytes32 id;
    Entry entry;
    Claim claim;
    LedgerReceipt receipt;
    Place place;
}

/// A record ledger and an enclave whose keys the test holds: entries of every kind, with any state, for what the kept
/// vectors (Vectors.sol) have no entry of. Hashes are written out by hand here, apart from the contracts' own code.
contract OwnLedger is Test {
    ReceiptVerifier public immutable verifier = new ReceiptVerifier(address(this));
    Vm.Wallet private ledgerWallet = vm.createWallet(uint256(keccak256("own ledger")));
    Vm.Wallet private enclaveWallet = vm.createWallet(uint256(keccak256("own enclave")));
    bytes32 public immutable ledger;
    bytes32 public immutable enclave;

    constructor() {
        ledger = verifier.addLedger(bytes32(ledgerWallet.publicKeyX), bytes32(ledgerWallet.publicKeyY), true);
        enclave = verifier.addEnclave(bytes32(enclaveWallet.publicKeyX), bytes32(enclaveWallet.publicKeyY));
    }

    /// Of an entry whose public state has this member and one on either side of it.
    function show(uint8 kind, bytes32 binding, uint64 sequence, string memory name, string memory value)
        external
        view
        returns (Shown memory out)
    {
        bytes32[] memory members = new bytes32[](3);
        members[0] = leaf("a", "1");
        members[1] = leaf(name, value);
        members[2] = leaf("z", "true");
        Entry memory entry;
        entry.kind = kind;
        entry.binding = binding;
        entry.version = keccak256(abi.encode("version", binding));
        entry.sequence = sequence;
        entry.state = Reference.root(members, 3);
        out = prove(entry);
        out.place = Place(1, 3, Reference.inclusion(members, 1, 3));
    }

    /// Claim and receipt of any entry, in a batch and a ledger of one.
    function prove(Entry memory e) public view returns (Shown memory out) {
        out.entry = e;
        bytes memory head = abi.encodePacked(uint8(0), e.kind, e.binding, e.version, uint256(e.sequence), e.previous);
        out.id = sha256(abi.encodePacked(head, e.input, e.state, e.effects, e.document));
        (,, bytes32 chain) = verifier.ledgers(ledger);
        bytes32[] memory none = new bytes32[](0);
        bytes32 signed = sha256(abi.encode(bytes32("concordat/enclave-root/1"), enclave, chain, uint256(1), out.id));
        out.claim = Claim(enclave, 0, 1, none, sign(enclaveWallet, signed));
        bytes32 root = sha256(abi.encodePacked(hex"004c", out.id, enclave));
        signed =
            sha256(abi.encode(bytes32("concordat/ledger-root/1"), ledger, uint256(1), root, uint256(5), uint256(1)));
        out.receipt = LedgerReceipt(0, 1, none, 5, 1, sign(ledgerWallet, signed));
    }

    function leaf(string memory name, string memory value) public pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"0053", sha256(bytes(name)), sha256(bytes(value))));
    }

    function sign(Vm.Wallet memory wallet, bytes32 digest) private pure returns (Es256k.Signature memory) {
        (, bytes32 r, bytes32 s) = vm.sign(wallet.privateKey, digest);
        return Es256k.Signature(r, s);
    }
}
