// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "./Es256k.sol";

/// The nine values that an entry's id commits to (docs/formats.md §2). Digests are SHA-256.
struct Entry {
    // 1 bind, 2 amend, 3 execute, 4 prepare, 5 cancelling, 6 outcome, 7 terminate, 8 disputed, 9 propose, 10 close, 11 step
    uint8 kind;
    bytes32 binding; // the agreement: its first version's hash
    bytes32 version; // hash of the version in force
    uint64 sequence; // place in the binding, from 0
    bytes32 previous; // id of the entry before, zero at 0
    bytes32 input; // of the signed message or document that caused it
    bytes32 state; // root of the tree over the public state's members after it
    bytes32 effects; // of the effects array, zero when there are none
    bytes32 document; // of the entry document's bytes
}

/// That an enclave made the entry: from entry id to the root of the batch that the enclave signed.
struct Claim {
    bytes32 enclave; // thumbprint of the enclave's key
    uint64 index;
    uint64 size;
    bytes32[] path;
    Es256k.Signature signature;
}

/// That the record ledger appended it: from ledger leaf to a root that the ledger signed.
struct LedgerReceipt {
    uint64 index;
    uint64 size;
    bytes32[] path;
    uint64 time; // ms since 1970, as the ledger's host claims
    uint64 flags;
    Es256k.Signature signature;
}

/// @title The fixed layouts that Concordat hashes and signs (docs/formats.md §2)
library Statements {
    bytes32 private constant ENCLAVE_ROOT = "concordat/enclave-root/1";
    bytes32 private constant LEDGER_ROOT = "concordat/ledger-root/1";
    uint8 internal constant BIND = 1;
    uint8 internal constant AMEND = 2;
    uint8 internal constant EXECUTE = 3;
    uint8 internal constant OUTCOME = 6;
    uint8 internal constant TERMINATE = 7;
    uint8 internal constant FIRST_KIND = 1;
    uint8 internal constant LAST_KIND = 11;
    /// Flag bit 0: the ledger is a single node, which cannot detect that its disk was rolled back.
    uint64 internal constant SINGLE_NODE = 1;

    function entryId(Entry calldata e) internal pure returns (bytes32) {
        bytes memory head =
            abi.encodePacked(bytes1(0x00), e.kind, e.binding, e.version, uint256(e.sequence), e.previous);
        return sha256(abi.encodePacked(head, e.input, e.state, e.effects, e.document));
    }

    /// Whether the state after an entry of this kind stands whatever comes. Prepare, cancelling and step leave a state that
    /// an abort takes back; propose and close may stand between them and show the same; what is disputed is for people to
    /// decide. A kind that is not known here does not count.
    function holds(uint8 kind) internal pure returns (bool) {
        return kind == BIND || kind == AMEND || kind == EXECUTE || kind == OUTCOME || kind == TERMINATE;
    }

    function ledgerLeaf(bytes32 id, bytes32 enclave) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes2(0x004c), id, enclave));
    }

    /// Leaf of a public state member. `value` is the member's JSON in RFC 8785 form: "settled" with its quotes, 42, true.
    function stateMember(bytes memory name, bytes memory value) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes2(0x0053), sha256(name), sha256(value)));
    }

    /// What an enclave signs over a batch of `size` entries. `chainDigest`: SHA-256 of the ledger's chain text.
    function enclaveRoot(bytes32 enclave, bytes32 chainDigest, uint64 size, bytes32 root)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked(ENCLAVE_ROOT, enclave, chainDigest, uint256(size), root));
    }

    /// What a record ledger signs over all of its entries.
    function ledgerRoot(bytes32 ledger, uint64 size, bytes32 root, uint64 time, uint64 flags)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked(LEDGER_ROOT, ledger, uint256(size), root, uint256(time), uint256(flags)));
    }
}
