// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Claim, Entry, LedgerReceipt} from "../formats/Statements.sol";
import {BindingRegistry} from "../BindingRegistry.sol";
import {BridgedToken} from "../BridgedToken.sol";
import {Escrow} from "../Escrow.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {RootAnchor, SignedRoot} from "../RootAnchor.sol";
import {CashToken} from "../sample/CashToken.sol";
import {Place} from "../formats/ProvenState.sol";
import {SettlementEscrow} from "../sample/SettlementEscrow.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Vm} from "./Test.sol";
import {Key, Member, Proven, Vectors} from "./Vectors.sol";

/// Trees whose leaves are all the same: as many as one likes, without holding them.
library Uniform {
    bytes32 internal constant LEAF = bytes32(uint256(1));

    function root(uint256 n) internal pure returns (bytes32 out) {
        if (n == 1) return LEAF;
        uint256 left = split(n);
        if (left == n - left) {
            out = root(left);
            return sha256(abi.encodePacked(uint8(1), out, out));
        }
        return sha256(abi.encodePacked(uint8(1), root(left), root(n - left)));
    }

    /// PROOF(from, to) of RFC 9162 §2.1.4.1, into the end of `out`; `length` tells how much of it is used.
    function consistency(uint256 from, uint256 to) internal pure returns (bytes32[] memory out) {
        bytes32[] memory reversed = new bytes32[](64);
        uint256 length = 0;
        bool whole = true;
        while (from != to) {
            uint256 left = split(to);
            if (from <= left) {
                reversed[length++] = root(to - left);
                to = left;
            } else {
                reversed[length++] = root(left);
                from -= left;
                to -= left;
                whole = false;
            }
        }
        if (!whole) reversed[length++] = root(to);
        out = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            out[i] = reversed[length - 1 - i];
        }
    }

    function split(uint256 n) private pure returns (uint256 k) {
        for (k = 1; 2 * k < n; k *= 2) {}
    }
}

/// What each call costs as a transaction of its own, kept in contracts/snapshots. tools/contracts.sh runs these with
/// --isolate, so that the figures hold the 21,000 of a transaction and the cost of its data.
contract GasTest is Vectors {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    RootAnchor private anchors = new RootAnchor();
    bytes32 private ledger = ledgerKey().thumbprint;

    function setUp() public {
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        verifier.addEnclave(enclaveKey(1).x, enclaveKey(1).y);
    }

    function test_gas_deploy() public {
        uint256 before = gasleft();
        new ReceiptVerifier(address(this));
        vm.snapshotValue("deploy", "ReceiptVerifier", before - gasleft());
        before = gasleft();
        new RootAnchor();
        vm.snapshotValue("deploy", "RootAnchor", before - gasleft());
        before = gasleft();
        new Escrow();
        vm.snapshotValue("deploy", "Escrow", before - gasleft());
        before = gasleft();
        new BridgedToken("Bridged", "BRG", 18, address(1), verifier, ledger, 0);
        vm.snapshotValue("deploy", "BridgedToken", before - gasleft());
        before = gasleft();
        new BindingRegistry(verifier);
        vm.snapshotValue("deploy", "BindingRegistry", before - gasleft());
        before = gasleft();
        new CashToken("Sample cash", "CASH", address(this));
        vm.snapshotValue("deploy", "CashToken", before - gasleft());
        before = gasleft();
        new SettlementEscrow(verifier, CashToken(address(1)), ledger, 0, address(1), address(2), 3, 4);
        vm.snapshotValue("deploy", "SettlementEscrow", before - gasleft());
    }

    function test_gas_keys() public {
        ReceiptVerifier fresh = new ReceiptVerifier(address(this));
        Key memory key = ledgerKey();
        fresh.addLedger(key.x, key.y, true);
        vm.snapshotGasLastCall("ReceiptVerifier", "addLedger");
        key = enclaveKey(0);
        fresh.addEnclave(key.x, key.y);
        vm.snapshotGasLastCall("ReceiptVerifier", "addEnclave");
        fresh.removeEnclave(key.thumbprint);
        vm.snapshotGasLastCall("ReceiptVerifier", "removeEnclave");
    }

    function test_gas_verify_real() public {
        Proven memory p = proven(count("entries") - 2);
        vm.assertEq(p.claim.size, 3);
        vm.assertEq(p.receipt.size, 20);
        transact(abi.encodeCall(verifier.verify, (ledger, p.entry, p.claim, p.receipt)));
        vm.snapshotGasLastCall("ReceiptVerifier", "verify, batch of 3, ledger of 20");
        Member memory status = member(count("entries") - 2, "status");
        bytes memory name = bytes(status.name);
        bytes memory value = bytes(status.value);
        transact(
            abi.encodeCall(
                verifier.verifyStateMember, (p.entry.state, name, value, status.index, status.size, status.path)
            )
        );
        vm.snapshotGasLastCall(
            "ReceiptVerifier", string.concat("verifyStateMember, ", vm.toString(status.size), " members")
        );
    }

    // A call of a view function is no transaction by itself.
    function transact(bytes memory data) private {
        (bool ok,) = address(verifier).call(data);
        vm.assertTrue(ok, "refused");
    }

    // In a complete tree any path leads somewhere, so a signed root is found for it.
    function test_gas_verify_large() public {
        Vm.Wallet memory ledgerWallet = vm.createWallet(11);
        Vm.Wallet memory enclaveWallet = vm.createWallet(12);
        bytes32 large = verifier.addLedger(bytes32(ledgerWallet.publicKeyX), bytes32(ledgerWallet.publicKeyY), true);
        bytes32 enclave = verifier.addEnclave(bytes32(enclaveWallet.publicKeyX), bytes32(enclaveWallet.publicKeyY));
        (,, bytes32 chain) = verifier.ledgers(large);
        Entry memory entry = proven(5).entry;
        bytes32 id = proven(5).id;
        (bytes32[] memory path, bytes32 root) = climb(id, 10);
        bytes32 digest = sha256(abi.encode(bytes32("concordat/enclave-root/1"), enclave, chain, 1 << 10, root));
        Claim memory claim = Claim(enclave, 0, 1 << 10, path, sign(12, digest));
        (path, root) = climb(sha256(abi.encodePacked(hex"004c", id, enclave)), 30);
        digest = sha256(abi.encode(bytes32("concordat/ledger-root/1"), large, 1 << 30, root, uint256(5), uint256(1)));
        LedgerReceipt memory receipt = LedgerReceipt(0, 1 << 30, path, 5, 1, sign(11, digest));
        transact(abi.encodeCall(verifier.verify, (large, entry, claim, receipt)));
        vm.snapshotGasLastCall("ReceiptVerifier", "verify, batch of 2^10, ledger of 2^30");
    }

    function test_gas_escrow() public {
        CashToken cash = new CashToken("Sample cash", "CASH", address(this));
        uint256 i = count("entries") - 2;
        Proven memory p = proven(i);
        SettlementEscrow escrow =
            new SettlementEscrow(verifier, cash, ledger, p.entry.binding, address(this), address(9), 100, 0);
        cash.mint(address(escrow), 100);
        vm.snapshotGasLastCall("CashToken", "mint");
        cash.mint(address(this), 100);
        cash.transfer(address(8), 50);
        vm.snapshotGasLastCall("CashToken", "transfer to a new holder");
        Member memory status = member(i, "status");
        Place memory place = Place(status.index, status.size, status.path);
        escrow.pay(p.entry, p.claim, p.receipt, place);
        vm.snapshotGasLastCall("SettlementEscrow", "pay");
    }

    function test_gas_bridge() public {
        OwnLedger own = new OwnLedger();
        BridgedToken token =
            new BridgedToken("Bridged", "BRG", 18, address(this), own.verifier(), own.ledger(), "agreement");
        token.mint("lock", address(this), 100);
        vm.snapshotGasLastCall("BridgedToken", "mint, to a new holder");
        Shown memory s = own.show(6, "agreement", 7, "locked", token.lockedValue("another", address(9), 100));
        token.mintWithReceipt("another", address(9), 100, s.entry, s.claim, s.receipt, s.place);
        vm.snapshotGasLastCall("BridgedToken", "mintWithReceipt, batch of 1, ledger of 1, to a new holder");
        token.burn("release", 50, address(this), "eip155:1:0x0000000000000000000000000000000000000009");
        vm.snapshotGasLastCall("BridgedToken", "burn");
    }

    function test_gas_registry() public {
        BindingRegistry registry = new BindingRegistry(verifier);
        Proven memory p = proven(4);
        registry.record(ledger, p.entry, p.claim, p.receipt);
        vm.snapshotGasLastCall("BindingRegistry", "record, first of an agreement");
        registry.record(ledger, p.entry, p.claim, p.receipt);
        vm.snapshotGasLastCall("BindingRegistry", "record, passed over");
    }

    function test_gas_anchor() public {
        anchors.register(ledgerKey().x, ledgerKey().y);
        vm.snapshotGasLastCall("RootAnchor", "register");
        RootAnchor.Submission[] memory one = new RootAnchor.Submission[](1);
        one[0] = submission(0);
        anchors.anchor(one);
        vm.snapshotGasLastCall("RootAnchor", "anchor, first of a ledger");
        one[0] = submission(1);
        anchors.anchor(one);
        vm.snapshotGasLastCall("RootAnchor", "anchor, ledger of 10");
        one[0] = submission(0);
        anchors.anchor(one);
        vm.snapshotGasLastCall("RootAnchor", "anchor, overtaken");
    }

    function test_gas_anchor_batches() public {
        uint256 count;
        for (uint256 n = 1; n <= 50; n *= n == 1 ? 10 : 5) {
            RootAnchor.Submission[] memory first = new RootAnchor.Submission[](n);
            RootAnchor.Submission[] memory next = new RootAnchor.Submission[](n);
            for (uint256 i = 0; i < n; ++i) {
                uint256 key = 1000 + count++;
                first[i] = uniform(key, 0, 1_000_000);
                next[i] = uniform(key, 1_000_000, 1_010_000);
            }
            anchors.anchor(first);
            vm.assertEq(anchors.anchor(next), n);
            vm.snapshotGasLastCall(
                "RootAnchor", string.concat("anchor, ", vm.toString(n), " ledgers of 1,010,000, each after 10,000 more")
            );
        }
    }

    function uniform(uint256 key, uint256 from, uint256 to) private returns (RootAnchor.Submission memory) {
        Vm.Wallet memory wallet = vm.createWallet(key);
        bytes32 name = anchors.register(bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY));
        bytes32 root = Uniform.root(to);
        bytes32 digest = sha256(abi.encode(bytes32("concordat/ledger-root/1"), name, to, root, uint256(to), uint256(1)));
        bytes32[] memory path = from == 0 ? new bytes32[](0) : Uniform.consistency(from, to);
        SignedRoot memory signed = SignedRoot(uint64(to), root, uint64(to), 1, sign(key, digest));
        return RootAnchor.Submission(name, signed, uint64(from), path);
    }

    function climb(bytes32 leaf, uint256 levels) private pure returns (bytes32[] memory path, bytes32 root) {
        path = new bytes32[](levels);
        root = leaf;
        for (uint256 i = 0; i < levels; ++i) {
            path[i] = keccak256(abi.encode("sibling", i));
            root = sha256(abi.encodePacked(uint8(1), root, path[i]));
        }
    }

    function sign(uint256 key, bytes32 digest) private pure returns (Es256k.Signature memory) {
        (, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Es256k.Signature(r, s);
    }
}
