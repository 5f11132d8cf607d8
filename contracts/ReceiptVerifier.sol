// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Es256k} from "./formats/Es256k.sol";
import {Keys} from "./formats/Keys.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "./formats/Statements.sol";
import {Tree} from "./formats/Tree.sol";

/// What a contract that acts on proven entries needs.
interface IReceiptVerifier {
    function verify(bytes32 ledger, Entry calldata entry, Claim calldata claim, LedgerReceipt calldata receipt)
        external
        view
        returns (bytes32 id);

    function verifyStateMember(
        bytes32 stateRoot,
        bytes calldata name,
        bytes calldata value,
        uint64 index,
        uint64 size,
        bytes32[] calldata path
    ) external view;
}

/// @title Checks on chain that an entry is genuine: made by an enclave and appended by a record ledger that the owner knows
/// @notice An entry passes when its nine values hash to an id, the id leads to a batch root that a known enclave signed for
/// this ledger, and its ledger leaf leads to a root that the ledger signed. Everything else reverts with the reason.
///
/// Who decides what is genuine: the owner, and nobody else, adds and removes keys; every change is an event. Enclaves make
/// a fresh key at each start, so the list cannot be fixed at deployment. The owner adds an enclave's key after checking
/// its evidence off chain (`concordat verify` does): attestation documents are not checked here. A removed key counts for
/// nothing from then on, for old entries too. An owner who renounces freezes the lists.
contract ReceiptVerifier is Ownable2Step, IReceiptVerifier {
    struct Ledger {
        address signer; // zero: not known
        bool singleNode; // whether roots of a single node are accepted
        bytes32 chainDigest;
    }

    /// By thumbprint of the service key.
    mapping(bytes32 thumbprint => Ledger) public ledgers;
    /// By thumbprint of the enclave's key; zero: not known.
    mapping(bytes32 thumbprint => address signer) public enclaves;

    event LedgerAdded(bytes32 indexed ledger, address signer, bool singleNode);
    event LedgerRemoved(bytes32 indexed ledger);
    event EnclaveAdded(bytes32 indexed enclave, address signer);
    event EnclaveRemoved(bytes32 indexed enclave);

    error UnknownLedger(bytes32 ledger);
    error UnknownEnclave(bytes32 enclave);
    error UnknownKind(uint8 kind);
    error UnknownFlags(uint64 flags);
    /// The ledger is a single node, and the owner does not accept that of it.
    error SingleNode(bytes32 ledger);
    /// The enclave did not sign the root that entry and path lead to.
    error BadClaim(bytes32 root);
    /// The ledger did not sign the root that leaf and path lead to.
    error BadReceipt(bytes32 root);
    /// The member is not in the state, or not with this value.
    error NotInState(bytes32 root);

    constructor(address owner) Ownable(owner) {}

    /// @param x, y the service key's coordinates
    /// @param singleNode accept roots that say: a disk that was rolled back cannot be detected
    function addLedger(bytes32 x, bytes32 y, bool singleNode) external onlyOwner returns (bytes32 ledger) {
        address signer;
        (ledger, signer) = Keys.identify(x, y);
        ledgers[ledger] = Ledger(signer, singleNode, Keys.chainDigest(ledger));
        emit LedgerAdded(ledger, signer, singleNode);
    }

    function removeLedger(bytes32 ledger) external onlyOwner {
        if (ledgers[ledger].signer == address(0)) revert UnknownLedger(ledger);
        delete ledgers[ledger];
        emit LedgerRemoved(ledger);
    }

    /// @param x, y the enclave key's coordinates
    function addEnclave(bytes32 x, bytes32 y) external onlyOwner returns (bytes32 enclave) {
        address signer;
        (enclave, signer) = Keys.identify(x, y);
        enclaves[enclave] = signer;
        emit EnclaveAdded(enclave, signer);
    }

    function removeEnclave(bytes32 enclave) external onlyOwner {
        if (enclaves[enclave] == address(0)) revert UnknownEnclave(enclave);
        delete enclaves[enclave];
        emit EnclaveRemoved(enclave);
    }

    /// Reverts unless the entry is genuine. The caller decides whether it is the one it waits for: it should compare
    /// ledger and `entry.binding` with its own, remember ids that it has acted on, and where it asks for the state refuse
    /// kinds whose state may be taken back (formats/ProvenState.sol does).
    /// @param ledger thumbprint of the service key of the record ledger
    function verify(bytes32 ledger, Entry calldata entry, Claim calldata claim, LedgerReceipt calldata receipt)
        external
        view
        returns (bytes32 id)
    {
        Ledger memory known = ledgers[ledger];
        if (known.signer == address(0)) revert UnknownLedger(ledger);
        if (entry.kind < Statements.FIRST_KIND || entry.kind > Statements.LAST_KIND) revert UnknownKind(entry.kind);
        id = Statements.entryId(entry);
        checkClaim(known.chainDigest, id, claim);
        checkReceipt(ledger, known, Statements.ledgerLeaf(id, claim.enclave), receipt);
    }

    /// Reverts unless the public state behind `stateRoot` (an entry's `state`) has the member with that value.
    /// @param value the member's JSON in RFC 8785 form: "settled" with its quotes, 42, true
    /// @param index, size, path place among the state's members in RFC 8785 order
    function verifyStateMember(
        bytes32 stateRoot,
        bytes calldata name,
        bytes calldata value,
        uint64 index,
        uint64 size,
        bytes32[] calldata path
    ) external view {
        bytes32 root = Tree.rootOf(Statements.stateMember(name, value), index, size, path);
        if (root != stateRoot) revert NotInState(root);
    }

    function checkClaim(bytes32 chainDigest, bytes32 id, Claim calldata claim) private view {
        address signer = enclaves[claim.enclave];
        if (signer == address(0)) revert UnknownEnclave(claim.enclave);
        bytes32 root = Tree.rootOf(id, claim.index, claim.size, claim.path);
        bytes32 digest = Statements.enclaveRoot(claim.enclave, chainDigest, claim.size, root);
        if (!Es256k.isSignedBy(signer, digest, claim.signature)) revert BadClaim(root);
    }

    function checkReceipt(bytes32 ledger, Ledger memory known, bytes32 leaf, LedgerReceipt calldata receipt)
        private
        view
    {
        if (receipt.flags & ~Statements.SINGLE_NODE != 0) revert UnknownFlags(receipt.flags);
        if (receipt.flags & Statements.SINGLE_NODE != 0 && !known.singleNode) revert SingleNode(ledger);
        bytes32 root = Tree.rootOf(leaf, receipt.index, receipt.size, receipt.path);
        bytes32 digest = Statements.ledgerRoot(ledger, receipt.size, root, receipt.time, receipt.flags);
        if (!Es256k.isSignedBy(known.signer, digest, receipt.signature)) revert BadReceipt(root);
    }
}
