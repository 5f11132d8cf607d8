// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "../formats/Es256k.sol";
import {Claim, Entry, LedgerReceipt} from "../formats/Statements.sol";
import {RootAnchor, SignedRoot} from "../RootAnchor.sol";
import {Test} from "./Test.sol";

struct Key {
    bytes32 x;
    bytes32 y;
    bytes32 thumbprint;
}

/// One genuine entry with what a contract is shown of it.
struct Proven {
    bytes32 id;
    Entry entry;
    Claim claim;
    LedgerReceipt receipt;
}

struct Member {
    string name;
    string value;
    uint64 index;
    uint64 size;
    bytes32[] path;
}

/// Reads contracts/test/vectors/ledger.json, which the product made (tests/contracts/vectors_test.cpp).
abstract contract Vectors is Test {
    string internal json = vm.readFile("contracts/test/vectors/ledger.json");

    function item(string memory list, uint256 i) internal pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(i), "]");
    }

    function count(string memory list) internal view returns (uint256 n) {
        while (vm.keyExistsJson(json, item(list, n))) ++n;
    }

    function ledgerKey() internal view returns (Key memory) {
        return keyAt(".ledger");
    }

    function enclaveKey(uint256 i) internal view returns (Key memory) {
        return keyAt(item("enclaves", i));
    }

    function proven(uint256 i) internal view returns (Proven memory out) {
        string memory p = item("entries", i);
        out.id = b32(p, ".id");
        out.entry = entryAt(p);
        string memory c = string.concat(p, ".claim");
        out.claim = Claim(b32(c, ".enclave"), u64(c, ".index"), u64(c, ".size"), path(c, ".path"), signature(c));
        string memory r = string.concat(p, ".receipt");
        out.receipt = LedgerReceipt(
            u64(r, ".index"), u64(r, ".size"), path(r, ".path"), u64(r, ".time"), u64(r, ".flags"), signature(r)
        );
    }

    /// The place of a public state member of entry `i`; fails the test when it has none of that name.
    function member(uint256 i, string memory name) internal view returns (Member memory out) {
        string memory list = string.concat(item("entries", i), ".members");
        for (uint256 k = 0; vm.keyExistsJson(json, string.concat(list, "[", vm.toString(k), "]")); ++k) {
            string memory p = string.concat(list, "[", vm.toString(k), "]");
            out.name = vm.parseJsonString(json, string.concat(p, ".name"));
            if (keccak256(bytes(out.name)) != keccak256(bytes(name))) continue;
            out.value = vm.parseJsonString(json, string.concat(p, ".value"));
            out.index = u64(p, ".index");
            out.size = u64(p, ".size");
            out.path = path(p, ".path");
            return out;
        }
        revert("no such member");
    }

    /// The ledger's i-th root, with the proof that it begins with the one before.
    function submission(uint256 i) internal view returns (RootAnchor.Submission memory) {
        string memory p = item("roots", i);
        SignedRoot memory signed =
            SignedRoot(u64(p, ".size"), b32(p, ".root"), u64(p, ".time"), u64(p, ".flags"), signature(p));
        return RootAnchor.Submission(ledgerKey().thumbprint, signed, u64(p, ".from"), path(p, ".consistency"));
    }

    function entryAt(string memory p) private view returns (Entry memory e) {
        e.kind = uint8(vm.parseJsonUint(json, string.concat(p, ".kind")));
        e.binding = b32(p, ".binding");
        e.version = b32(p, ".version");
        e.sequence = u64(p, ".sequence");
        e.previous = b32(p, ".previous");
        e.input = b32(p, ".input");
        e.state = b32(p, ".state");
        e.effects = b32(p, ".effects");
        e.document = b32(p, ".document");
    }

    function keyAt(string memory p) private view returns (Key memory) {
        return Key(b32(p, ".x"), b32(p, ".y"), b32(p, ".thumbprint"));
    }

    function signature(string memory p) private view returns (Es256k.Signature memory) {
        return Es256k.Signature(b32(p, ".r"), b32(p, ".s"));
    }

    function b32(string memory p, string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(p, name));
    }

    function u64(string memory p, string memory name) private view returns (uint64) {
        return uint64(vm.parseJsonUint(json, string.concat(p, name)));
    }

    function path(string memory p, string memory name) private view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, string.concat(p, name));
    }
}
