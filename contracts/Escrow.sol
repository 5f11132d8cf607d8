// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IReceiptVerifier} from "./ReceiptVerifier.sol";
import {Place, ProvenState} from "./formats/ProvenState.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "./formats/Statements.sol";

/// @title Keeps assets between the first phase of a transaction across ledgers and its end
/// @notice Anybody's locks, any number, of four kinds of asset. A lock ends exactly once: released to `to`, or refunded to
/// `from`. Nobody administers it and nothing else moves what it holds.
///
/// Released, until and including the second `deadline`: by the agent; by whoever shows the preimage; by whoever shows a
/// genuine entry of an agreement whose public state says what the lock asks for. Refunded: by the agent at any time, by
/// anyone after that second. So at no instant can one caller release and another refund against the agent's will, and
/// `from` need not ask anybody to get back what was not released in time. An agent that has to release must be in time.
///
/// Ending a lock and handing over the asset are two things. The first depends on nothing but the lock; the second is tried
/// in the same call, and where receiver or token refuse it the asset stays here as the winner's, for `deliver`, which
/// anyone may call, or `deliverTo`, with which the winner names another receiver. So nobody can hold up a transaction
/// by refusing what is due to him.
contract Escrow is ReentrancyGuard, IERC1155Receiver {
    using SafeERC20 for IERC20;

    enum Standard {
        Native,
        ERC20,
        ERC721,
        ERC1155
    }

    enum State {
        None,
        Open,
        Released,
        Refunded
    }

    /// What an entry must show: of this agreement on this ledger, genuine to `verifier`, with this member in its state.
    struct Condition {
        IReceiptVerifier verifier; // zero: no entry releases
        bytes32 ledger;
        bytes32 binding;
        bytes32 member; // docs/formats.md §2, "state member"; memberOf computes it
    }

    struct Terms {
        Standard standard;
        address token; // zero for native
        uint256 tokenId; // zero for native and ERC-20
        uint256 amount; // 1 for ERC-721
        address from; // whose asset it is, and who gets it back
        address to; // who gets it on release
        address agent; // zero: nobody
        uint64 deadline; // seconds since 1970; zero: it never passes
        bytes32 hashlock; // SHA-256 of the 32-byte preimage; zero: none releases
        Condition condition;
    }

    struct Lock {
        State state;
        bool delivered;
        Standard standard;
        uint64 deadline;
        address token;
        address from;
        address to;
        address agent;
        uint256 tokenId;
        uint256 amount;
        bytes32 hashlock;
    }

    /// Gas that handing over gets at least when a lock ends. With less the call is refused: a caller, or a wallet that looks
    /// for the least gas with which a call goes through, would else end the lock and hand over nothing.
    uint256 public constant OFFER_GAS = 200_000;
    /// Gas kept back from it, so that a receiver who burns all he is given cannot undo the lock's end.
    uint256 private constant RESERVE = 10_000;

    mapping(bytes32 key => Lock) private locked;
    mapping(bytes32 key => Condition) private asked;
    /// Whether an agent may lock the owner's assets for `to`; under `to` zero, for anybody.
    mapping(address owner => mapping(address agent => mapping(address to => bool))) public authorized;
    /// Native coin that waits for a lock, or for its owner to take it back.
    mapping(address owner => uint256 amount) public deposits;

    event Authorized(address indexed owner, address indexed agent, address indexed to, bool allowed);
    event Deposited(address indexed owner, uint256 amount);
    event Withdrawn(address indexed owner, address receiver, uint256 amount);
    event Locked(
        bytes32 indexed key, address indexed from, address indexed to, address locker, bytes32 id, Terms terms
    );
    /// @param proof the preimage; or the id of the entry that was shown; zero when the agent released it
    event Released(bytes32 indexed key, address indexed to, bytes32 proof);
    event Refunded(bytes32 indexed key, address indexed from);
    event Delivered(bytes32 indexed key, address indexed receiver);
    /// The receiver or the token refused: the asset waits here for `deliver` or `deliverTo`.
    event Undelivered(bytes32 indexed key, address indexed winner);

    /// The locker has used this id.
    error AlreadyUsed(bytes32 key);
    error NotOpen(bytes32 key);
    error NotEnded(bytes32 key);
    error AlreadyDelivered(bytes32 key);
    /// Only the owner locks an asset, or an agent whom it authorized, as the lock's agent.
    error NotAuthorized(address from, address caller);
    error NotAgent(address caller);
    error NotWinner(address caller);
    error NotSelf(address caller);
    error NotEnoughGas(uint256 left);
    error DeadlinePassed(uint64 deadline);
    error BeforeDeadline(uint64 deadline);
    error WrongPreimage();
    error NoCondition();
    /// No agent, hash or condition could release it; or no agent or deadline give it back.
    error NoWayOut();
    /// Zero, or this contract, can receive nothing.
    error NoReceiver(address to);
    error NoVerifier(address verifier);
    /// Not an asset of this standard, or not an amount of it.
    error WrongAsset(Standard standard, address token, uint256 tokenId, uint256 amount);
    error WrongValue(uint256 value);
    error NotDeposited(uint256 deposit, uint256 amount);
    /// The token moved another amount than it was asked to: one that keeps a fee, say.
    error NotExact(address token, uint256 amount);
    /// Nothing is taken in that was not asked for: it would be nobody's.
    error Unasked(address token);

    // ------------------------------------------------------------------------------------------------ whose assets

    /// Lets an agent lock what the caller has approved to this contract or deposited here, for `to` (zero: for anybody).
    /// What is locked already does not change.
    function authorize(address agent, address to, bool allowed) external {
        authorized[msg.sender][agent][to] = allowed;
        emit Authorized(msg.sender, agent, to, allowed);
    }

    /// Native coin for later locks, as there is no approval for it.
    function deposit() external payable nonReentrant {
        if (msg.value == 0) revert WrongValue(0);
        deposits[msg.sender] += msg.value;
        emit Deposited(msg.sender, msg.value);
    }

    /// Takes back what is deposited and not locked.
    function withdraw(uint256 amount, address receiver) external nonReentrant {
        if (receiver == address(0)) revert NoReceiver(receiver);
        takeDeposit(msg.sender, amount);
        emit Withdrawn(msg.sender, receiver, amount);
        Address.sendValue(payable(receiver), amount);
    }

    // ------------------------------------------------------------------------------------------------------- lock

    /// Locks with the caller as the agent, who alone releases it. For native coin either `from` is the caller and sends
    /// the amount along, or it is taken from the deposit of `from`.
    /// @param id chosen by the caller, once; other callers' ids are others
    /// @param deadline seconds since 1970; zero: it never passes
    /// @return key by which `locks` and the events name it
    function lock(
        bytes32 id,
        Standard standard,
        address token,
        uint256 tokenId,
        uint256 amount,
        address from,
        address to,
        uint64 deadline
    ) external payable nonReentrant returns (bytes32 key) {
        Terms memory terms;
        terms.standard = standard;
        terms.token = token;
        terms.tokenId = tokenId;
        terms.amount = amount;
        terms.from = from;
        terms.to = to;
        terms.agent = msg.sender;
        terms.deadline = deadline;
        return open(id, terms);
    }

    /// The same with all that terms can say.
    function lockWith(bytes32 id, Terms calldata terms) external payable nonReentrant returns (bytes32 key) {
        return open(id, terms);
    }

    // ------------------------------------------------------------------------------------------------- release, refund

    /// By the agent, of a lock that the agent made.
    function release(bytes32 id) external nonReentrant {
        releaseByAgent(keyOf(msg.sender, id));
    }

    /// By the agent, of a lock that somebody else made.
    function releaseOf(address locker, bytes32 id) external nonReentrant {
        releaseByAgent(keyOf(locker, id));
    }

    /// By anyone. The preimage has 32 bytes and no other length, so that what releases here can be shown on any chain.
    function releaseWithPreimage(address locker, bytes32 id, bytes32 preimage) external nonReentrant {
        bytes32 key = keyOf(locker, id);
        Lock storage one = releasable(key);
        if (one.hashlock == 0 || sha256(abi.encodePacked(preimage)) != one.hashlock) revert WrongPreimage();
        endReleased(key, one, preimage);
    }

    /// By anyone who shows an entry that meets the lock's condition.
    function releaseWithReceipt(
        address locker,
        bytes32 id,
        Entry calldata entry,
        Claim calldata claim,
        LedgerReceipt calldata receipt,
        Place calldata place
    ) external nonReentrant {
        bytes32 key = keyOf(locker, id);
        Lock storage one = releasable(key);
        endReleased(key, one, proofOf(asked[key], entry, claim, receipt, place));
    }

    /// Of a lock that the caller made: by its agent at any time, else after the deadline.
    function refund(bytes32 id) external nonReentrant {
        refundKey(keyOf(msg.sender, id));
    }

    /// Of anybody's lock: by its agent at any time, by anyone after the deadline.
    function refundOf(address locker, bytes32 id) external nonReentrant {
        refundKey(keyOf(locker, id));
    }

    // ------------------------------------------------------------------------------------------------------- deliver

    /// Hands over what a receiver or token refused when the lock ended. By anyone: it goes to the winner only.
    function deliver(address locker, bytes32 id) external nonReentrant {
        bytes32 key = keyOf(locker, id);
        handOver(key, undelivered(key));
    }

    /// The same, to somebody else, by the winner: a contract, say, that cannot take the token itself.
    function deliverTo(address locker, bytes32 id, address receiver) external nonReentrant {
        bytes32 key = keyOf(locker, id);
        if (msg.sender != undelivered(key)) revert NotWinner(msg.sender);
        if (receiver == address(0) || receiver == address(this)) revert NoReceiver(receiver);
        handOver(key, receiver);
    }

    /// For this contract alone, which calls itself so that a refusal undoes nothing but the handing over.
    function tryHandOver(bytes32 key, address receiver) external {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        handOver(key, receiver);
    }

    // --------------------------------------------------------------------------------------------------------- views

    function keyOf(address locker, bytes32 id) public pure returns (bytes32) {
        return keccak256(abi.encode(locker, id));
    }

    function locks(bytes32 key) external view returns (Lock memory) {
        return locked[key];
    }

    function conditions(bytes32 key) external view returns (Condition memory) {
        return asked[key];
    }

    /// What `Condition.member` is for a state's member.
    /// @param value its JSON in RFC 8785 form: "settled" with its quotes, 42, true
    function memberOf(bytes calldata name, bytes calldata value) external pure returns (bytes32) {
        return Statements.stateMember(name, value);
    }

    // --------------------------------------------------------------------------------------------- as a token's receiver

    /// ERC-1155 asks before it pays in. Only what this contract itself pulls in belongs to a lock.
    function onERC1155Received(address operator, address, uint256, uint256, bytes calldata)
        external
        view
        returns (bytes4)
    {
        if (operator != address(this)) revert Unasked(msg.sender);
        return IERC1155Receiver.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        view
        returns (bytes4)
    {
        revert Unasked(msg.sender);
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC1155Receiver).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    // ------------------------------------------------------------------------------------------------------- inside

    function open(bytes32 id, Terms memory terms) private returns (bytes32 key) {
        key = keyOf(msg.sender, id);
        Lock storage one = locked[key];
        if (one.state != State.None) revert AlreadyUsed(key);
        checkTerms(terms);
        // Written one by one, as a struct would also write the zeros.
        one.state = State.Open;
        one.standard = terms.standard;
        one.deadline = terms.deadline;
        one.token = terms.token;
        one.from = terms.from;
        one.to = terms.to;
        one.amount = terms.amount;
        if (terms.agent != address(0)) one.agent = terms.agent;
        if (terms.tokenId != 0) one.tokenId = terms.tokenId;
        if (terms.hashlock != 0) one.hashlock = terms.hashlock;
        if (address(terms.condition.verifier) != address(0)) asked[key] = terms.condition;
        emit Locked(key, terms.from, terms.to, msg.sender, id, terms);
        takeIn(terms);
    }

    function checkTerms(Terms memory terms) private view {
        address verifier = address(terms.condition.verifier);
        if (terms.from != msg.sender) checkAuthorized(terms);
        if (terms.to == address(0) || terms.to == address(this)) revert NoReceiver(terms.to);
        if (terms.deadline != 0 && block.timestamp > terms.deadline) revert DeadlinePassed(terms.deadline);
        bool released = terms.agent != address(0) || terms.hashlock != 0 || verifier != address(0);
        if (!released || (terms.agent == address(0) && terms.deadline == 0)) revert NoWayOut();
        if (verifier != address(0) && verifier.code.length == 0) revert NoVerifier(verifier);
    }

    // An approval to this contract is the owner's word to this contract only together with this one. The agent who
    // locks is then the lock's agent: nobody was authorized to hand the decision on.
    function checkAuthorized(Terms memory terms) private view {
        mapping(address => bool) storage allowed = authorized[terms.from][msg.sender];
        if (terms.agent != msg.sender || !(allowed[terms.to] || allowed[address(0)])) {
            revert NotAuthorized(terms.from, msg.sender);
        }
    }

    function takeIn(Terms memory terms) private {
        if (terms.amount == 0 || !isOf(terms)) {
            revert WrongAsset(terms.standard, terms.token, terms.tokenId, terms.amount);
        }
        if (terms.standard == Standard.Native) return takeNative(terms);
        if (msg.value != 0) revert WrongValue(msg.value);
        uint256 before = held(terms.standard, terms.token, terms.tokenId);
        if (terms.standard == Standard.ERC20) {
            IERC20(terms.token).safeTransferFrom(terms.from, address(this), terms.amount);
        } else if (terms.standard == Standard.ERC721) {
            // Not the safe one: this contract refuses what comes with it, as that would be nobody's.
            IERC721(terms.token).transferFrom(terms.from, address(this), terms.tokenId);
        } else {
            IERC1155(terms.token).safeTransferFrom(terms.from, address(this), terms.tokenId, terms.amount, "");
        }
        if (held(terms.standard, terms.token, terms.tokenId) != before + terms.amount) {
            revert NotExact(terms.token, terms.amount);
        }
    }

    function takeNative(Terms memory terms) private {
        if (msg.value == 0) return takeDeposit(terms.from, terms.amount);
        if (msg.value != terms.amount || msg.sender != terms.from) revert WrongValue(msg.value);
    }

    function takeDeposit(address owner, uint256 amount) private {
        uint256 before = deposits[owner];
        if (before < amount) revert NotDeposited(before, amount);
        deposits[owner] = before - amount;
    }

    // An ERC-721 token also has the transferFrom of ERC-20, and would go in as an amount of 1 and never come out.
    function isOf(Terms memory terms) private view returns (bool) {
        address token = terms.token;
        if (terms.standard == Standard.Native) return token == address(0) && terms.tokenId == 0;
        if (token.code.length == 0) return false;
        if (terms.standard == Standard.ERC20) return terms.tokenId == 0 && hasAllowance(token);
        if (terms.standard == Standard.ERC721) {
            return terms.amount == 1 && ERC165Checker.supportsInterface(token, type(IERC721).interfaceId);
        }
        return ERC165Checker.supportsInterface(token, type(IERC1155).interfaceId);
    }

    // What every ERC-20 token has and none of the others.
    function hasAllowance(address token) private view returns (bool) {
        (bool ok, bytes memory answer) = token.staticcall(abi.encodeCall(IERC20.allowance, (msg.sender, address(this))));
        return ok && answer.length == 32;
    }

    function held(Standard standard, address token, uint256 tokenId) private view returns (uint256) {
        if (standard == Standard.ERC20) return IERC20(token).balanceOf(address(this));
        if (standard == Standard.ERC721) return IERC721(token).ownerOf(tokenId) == address(this) ? 1 : 0;
        return IERC1155(token).balanceOf(address(this), tokenId);
    }

    function releaseByAgent(bytes32 key) private {
        Lock storage one = releasable(key);
        if (msg.sender != one.agent) revert NotAgent(msg.sender);
        endReleased(key, one, 0);
    }

    function releasable(bytes32 key) private view returns (Lock storage one) {
        one = locked[key];
        if (one.state != State.Open) revert NotOpen(key);
        if (one.deadline != 0 && block.timestamp > one.deadline) revert DeadlinePassed(one.deadline);
    }

    function proofOf(
        Condition storage wanted,
        Entry calldata entry,
        Claim calldata claim,
        LedgerReceipt calldata receipt,
        Place calldata place
    ) private view returns (bytes32) {
        IReceiptVerifier verifier = wanted.verifier;
        if (address(verifier) == address(0)) revert NoCondition();
        return ProvenState.check(verifier, wanted.ledger, wanted.binding, wanted.member, entry, claim, receipt, place);
    }

    function endReleased(bytes32 key, Lock storage one, bytes32 proof) private {
        one.state = State.Released;
        emit Released(key, one.to, proof);
        offer(key, one.to);
    }

    function refundKey(bytes32 key) private {
        Lock storage one = locked[key];
        if (one.state != State.Open) revert NotOpen(key);
        bool passed = one.deadline != 0 && block.timestamp > one.deadline;
        if (msg.sender != one.agent && !passed) revert BeforeDeadline(one.deadline);
        one.state = State.Refunded;
        emit Refunded(key, one.from);
        offer(key, one.from);
    }

    function offer(bytes32 key, address winner) private {
        uint256 left = gasleft();
        if (left < OFFER_GAS + RESERVE) revert NotEnoughGas(left);
        try this.tryHandOver{gas: left - RESERVE}(key, winner) {}
        catch {
            emit Undelivered(key, winner);
        }
    }

    function undelivered(bytes32 key) private view returns (address winner) {
        Lock storage one = locked[key];
        if (one.state != State.Released && one.state != State.Refunded) revert NotEnded(key);
        if (one.delivered) revert AlreadyDelivered(key);
        return one.state == State.Released ? one.to : one.from;
    }

    function handOver(bytes32 key, address receiver) private {
        Lock storage one = locked[key];
        one.delivered = true;
        emit Delivered(key, receiver);
        Standard standard = one.standard;
        address token = one.token;
        if (standard == Standard.Native) {
            Address.sendValue(payable(receiver), one.amount);
        } else if (standard == Standard.ERC721) {
            IERC721(token).safeTransferFrom(address(this), receiver, one.tokenId);
        } else {
            sendAmount(standard, token, one.tokenId, one.amount, receiver);
        }
    }

    // Never more than the lock's own, or one token's new fee would be paid by its other locks.
    function sendAmount(Standard standard, address token, uint256 tokenId, uint256 amount, address receiver) private {
        uint256 before = held(standard, token, tokenId);
        if (standard == Standard.ERC20) {
            IERC20(token).safeTransfer(receiver, amount);
        } else {
            IERC1155(token).safeTransferFrom(address(this), receiver, tokenId, amount, "");
        }
        if (held(standard, token, tokenId) + amount < before) revert NotExact(token, amount);
    }
}
