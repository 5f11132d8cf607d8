// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IReceiptVerifier} from "./ReceiptVerifier.sol";
import {Place, ProvenState} from "./formats/ProvenState.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "./formats/Statements.sol";
import {Text} from "./formats/Text.sol";

/// @title Stands on this chain for an asset that is locked on another ledger
/// @notice Minted for a lock over there, once for each; burned for a release over there. So what there is here is what was
/// minted less what was burned, and never more than is locked, as far as those who mint say the truth:
/// - the agent, an enclave's account, whose signature leaves the enclave only after the record ledger has the entry that
///   asks for it; who steers that account can mint anything;
/// - whoever shows a genuine entry of the one agreement that this token belongs to, whose state stands and says of the
///   lock what `lockedValue` writes. Then verifier and agreement decide, and no account.
/// Either can be left out at deployment (zero). Nobody else mints, nothing can be changed later, there is no owner.
contract BridgedToken is ERC20 {
    /// Longest account name on the other side, in bytes.
    uint256 public constant MAX_RECEIVER = 128;
    bytes private constant MEMBER = "locked";

    uint8 private immutable decimals_;
    address public immutable agent;
    IReceiptVerifier public immutable verifier;
    bytes32 public immutable ledger;
    bytes32 public immutable binding;

    /// Locks on the other side that were minted for.
    mapping(bytes32 lockId => bool) public minted;
    /// Releases that were burned for, by keyOf.
    mapping(bytes32 key => bool) public burned;

    /// @param entry that showed the lock; zero when the agent minted
    event Minted(bytes32 indexed lockId, address indexed to, uint256 amount, bytes32 entry);
    /// To be released on the other side: `amount` to `receiver`, once for each `key`.
    event Burned(
        bytes32 indexed key, address indexed from, address burner, bytes32 releaseId, uint256 amount, string receiver
    );

    /// Neither agent nor verifier: nobody could mint.
    error NobodyMints();
    error NotAgent(address caller);
    error AlreadyMinted(bytes32 lockId);
    error AlreadyBurned(bytes32 key);
    error NoAmount();
    /// Holders burn, and the agent with their allowance.
    error NotHolder(address from, address caller);
    error NoReceiver(uint256 length);
    error NoVerifier(address verifier);

    /// @param agent_ account that mints by its own word; zero: none
    /// @param verifier_ for mintWithReceipt, with the agreement `binding_` on the record ledger `ledger_`; zero: none
    constructor(
        string memory name,
        string memory symbol,
        uint8 tokenDecimals,
        address agent_,
        IReceiptVerifier verifier_,
        bytes32 ledger_,
        bytes32 binding_
    ) ERC20(name, symbol) {
        if (agent_ == address(0) && address(verifier_) == address(0)) revert NobodyMints();
        if (address(verifier_) != address(0) && address(verifier_).code.length == 0) {
            revert NoVerifier(address(verifier_));
        }
        decimals_ = tokenDecimals;
        agent = agent_;
        verifier = verifier_;
        ledger = ledger_;
        binding = binding_;
    }

    function decimals() public view override returns (uint8) {
        return decimals_;
    }

    /// By the agent.
    /// @param lockId names the lock on the other side for good: the escrow's key there
    function mint(bytes32 lockId, address to, uint256 amount) external {
        if (msg.sender != agent) revert NotAgent(msg.sender);
        mintOnce(lockId, to, amount, 0);
    }

    /// By anyone who shows the entry.
    /// @param place where the member "locked" stands in the entry's public state
    function mintWithReceipt(
        bytes32 lockId,
        address to,
        uint256 amount,
        Entry calldata entry,
        Claim calldata claim,
        LedgerReceipt calldata receipt,
        Place calldata place
    ) external {
        if (address(verifier) == address(0)) revert NoVerifier(address(0));
        bytes32 member = Statements.stateMember(MEMBER, bytes(lockedValue(lockId, to, amount)));
        mintOnce(lockId, to, amount, proofOf(member, entry, claim, receipt, place));
    }

    /// By the holder, or by the agent with the holder's allowance.
    /// @param releaseId the caller's name for the release, once; other callers' are others
    /// @param receiver account on the other side, as that ledger writes it
    function burn(bytes32 releaseId, uint256 amount, address from, string calldata receiver)
        external
        returns (bytes32 key)
    {
        if (msg.sender != from && msg.sender != agent) revert NotHolder(from, msg.sender);
        if (amount == 0) revert NoAmount();
        if (bytes(receiver).length == 0 || bytes(receiver).length > MAX_RECEIVER) {
            revert NoReceiver(bytes(receiver).length);
        }
        key = keyOf(msg.sender, releaseId);
        if (burned[key]) revert AlreadyBurned(key);
        burned[key] = true;
        if (msg.sender != from) _spendAllowance(from, msg.sender, amount);
        _burn(from, amount);
        emit Burned(key, from, msg.sender, releaseId, amount, receiver);
    }

    /// Names a burn for good.
    function keyOf(address burner, bytes32 releaseId) public pure returns (bytes32) {
        return keccak256(abi.encode(burner, releaseId));
    }

    /// What the state's member "locked" must be, in RFC 8785 form. It names this token on this chain, so that one entry
    /// mints once even if an agreement serves several tokens.
    function lockedValue(bytes32 lockId, address to, uint256 amount) public view returns (string memory) {
        string memory token = string.concat("eip155:", Text.decimal(block.chainid), ":", Text.hexOf(address(this)));
        return string.concat(
            string.concat('{"amount":"', Text.decimal(amount), '","id":"', Text.hexOf(lockId)),
            string.concat('","to":"', Text.hexOf(to), '","token":"', token, '"}')
        );
    }

    function proofOf(
        bytes32 member,
        Entry calldata entry,
        Claim calldata claim,
        LedgerReceipt calldata receipt,
        Place calldata place
    ) private view returns (bytes32) {
        return ProvenState.check(verifier, ledger, binding, member, entry, claim, receipt, place);
    }

    function mintOnce(bytes32 lockId, address to, uint256 amount, bytes32 entry) private {
        if (amount == 0) revert NoAmount();
        if (minted[lockId]) revert AlreadyMinted(lockId);
        minted[lockId] = true;
        _mint(to, amount);
        emit Minted(lockId, to, amount, entry);
    }
}
