// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Es256k} from "./formats/Es256k.sol";
import {Keys} from "./formats/Keys.sol";
import {Statements} from "./formats/Statements.sol";
import {Tree} from "./formats/Tree.sol";

/// A root that a record ledger signed (docs/formats.md §2, "ledger root").
struct SignedRoot {
    uint64 size; // entries in the ledger
    bytes32 root;
    uint64 time; // ms since 1970, as the ledger's host claims
    uint64 flags;
    Es256k.Signature signature;
}

/// @title Keeps signed roots of record ledgers where a ledger's host cannot take them back
/// @notice Anyone may register a ledger's key and submit roots: what counts is the ledger's signature, so there is no
/// owner and nothing to administer. Each anchored root is larger than the one before and, by an RFC 9162 consistency
/// proof, begins with it: the anchors of a ledger are one history. A ledger that was put back and went on differently
/// can never anchor again, and `proveFork` records its two histories once somebody shows them.
contract RootAnchor {
    struct Anchor {
        bytes32 root;
        uint64 size; // zero: nothing anchored yet
        uint64 time;
        uint64 blockNumber;
        uint64 flags;
    }

    struct Submission {
        bytes32 ledger; // thumbprint of the service key
        SignedRoot signed;
        uint64 from; // size of the anchored root that `consistency` starts at, 0 for the first
        bytes32[] consistency;
    }

    /// That a tree has this leaf at a place.
    struct Leaf {
        bytes32 hash;
        bytes32[] path;
    }

    /// Address of the service key by its thumbprint; zero: not registered.
    mapping(bytes32 ledger => address signer) public signers;
    /// The newest root of each ledger. Earlier ones are in the events.
    mapping(bytes32 ledger => Anchor) public anchors;
    /// Block in which a fork of the ledger was proven, 0 for none.
    mapping(bytes32 ledger => uint256 blockNumber) public forkedAt;

    event Registered(bytes32 indexed ledger, address signer, bytes32 x, bytes32 y);
    event Anchored(bytes32 indexed ledger, uint64 size, bytes32 root, uint64 time, uint64 flags);
    event ForkProven(
        bytes32 indexed ledger,
        uint64 index,
        uint64 anchoredSize,
        bytes32 anchoredRoot,
        uint64 otherSize,
        bytes32 otherRoot
    );

    error UnknownLedger(bytes32 ledger);
    error UnknownFlags(uint64 flags);
    /// A ledger without entries has nothing to anchor.
    error Empty(bytes32 ledger);
    /// The ledger did not sign this root.
    error BadSignature(bytes32 ledger, bytes32 root);
    /// The root does not begin with the anchored one, or the proof does not show it.
    error Inconsistent(bytes32 ledger, uint64 from, uint64 to);
    /// The leaves do not show two histories.
    error NoFork(bytes32 ledger);

    /// Makes a ledger's key known; doing so again changes nothing.
    /// @param x, y the service key's coordinates
    function register(bytes32 x, bytes32 y) external returns (bytes32 ledger) {
        address signer;
        (ledger, signer) = Keys.identify(x, y);
        if (signers[ledger] != address(0)) return ledger;
        signers[ledger] = signer;
        emit Registered(ledger, signer, x, y);
    }

    /// Anchors the roots in order. What another transaction overtook is passed over (the root is not larger than the
    /// anchored one, or its proof starts at an older one), so that nobody can make a batch fail by being faster. What is
    /// false reverts the whole batch.
    /// @return anchored how many roots were anchored
    function anchor(Submission[] calldata batch) external returns (uint256 anchored) {
        for (uint256 i = 0; i < batch.length; ++i) {
            if (anchorOne(batch[i])) ++anchored;
        }
    }

    /// Whether the anchored tree begins with the tree of `size` leaves that has this root, as a ledger receipt shows one:
    /// then the receipt's entry was there when the root was anchored.
    /// @param consistency RFC 9162 proof from `size` to the anchored size, empty when they are equal
    function covers(bytes32 ledger, uint64 size, bytes32 root, bytes32[] calldata consistency)
        external
        view
        returns (bool)
    {
        Anchor memory newest = anchors[ledger];
        if (size == newest.size) return size != 0 && root == newest.root && consistency.length == 0;
        return Tree.isConsistent(size, root, newest.size, newest.root, consistency);
    }

    /// Records that a ledger has two histories: the anchored root and another one that it signed have different leaves
    /// at one index. From then on nothing is anchored for it.
    function proveFork(
        bytes32 ledger,
        SignedRoot calldata other,
        uint64 index,
        Leaf calldata ours,
        Leaf calldata theirs
    ) external {
        Anchor memory newest = anchors[ledger];
        checkSigned(ledger, other);
        if (
            ours.hash == theirs.hash || forkedAt[ledger] != 0
                || Tree.rootOf(ours.hash, index, newest.size, ours.path) != newest.root
                || Tree.rootOf(theirs.hash, index, other.size, theirs.path) != other.root
        ) revert NoFork(ledger);
        forkedAt[ledger] = block.number;
        emit ForkProven(ledger, index, newest.size, newest.root, other.size, other.root);
    }

    function anchorOne(Submission calldata s) private returns (bool) {
        SignedRoot calldata signed = s.signed;
        checkSigned(s.ledger, signed);
        Anchor storage newest = anchors[s.ledger];
        uint64 size = newest.size;
        if (signed.size <= size || s.from != size || forkedAt[s.ledger] != 0) return false;
        bool follows = size == 0
            ? s.consistency.length == 0
            : Tree.isConsistent(size, newest.root, signed.size, signed.root, s.consistency);
        if (!follows) revert Inconsistent(s.ledger, size, signed.size);
        anchors[s.ledger] = Anchor(signed.root, signed.size, signed.time, uint64(block.number), signed.flags);
        emit Anchored(s.ledger, signed.size, signed.root, signed.time, signed.flags);
        return true;
    }

    function checkSigned(bytes32 ledger, SignedRoot calldata signed) private view {
        address signer = signers[ledger];
        if (signer == address(0)) revert UnknownLedger(ledger);
        if (signed.size == 0) revert Empty(ledger);
        if (signed.flags & ~Statements.SINGLE_NODE != 0) revert UnknownFlags(signed.flags);
        bytes32 digest = Statements.ledgerRoot(ledger, signed.size, signed.root, signed.time, signed.flags);
        if (!Es256k.isSignedBy(signer, digest, signed.signature)) revert BadSignature(ledger, signed.root);
    }
}
