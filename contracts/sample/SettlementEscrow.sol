// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IReceiptVerifier} from "../ReceiptVerifier.sol";
import {Place, ProvenState} from "../formats/ProvenState.sol";
import {Claim, Entry, LedgerReceipt, Statements} from "../formats/Statements.sol";

/// @title A sample that acts on a proven entry, once: a deposit that is paid when an agreement has settled
/// @notice One escrow serves one agreement. Whoever shows a genuine entry of that agreement on its record ledger whose
/// public state says `"status":"settled"` lets the deposit go to the beneficiary; until the deadline nobody else gets it,
/// after it the depositor takes back what was not paid. The settled amount itself is confidential between the parties and
/// never on this chain: the deposit is a fixed sum.
contract SettlementEscrow {
    using SafeERC20 for IERC20;

    IReceiptVerifier public immutable verifier;
    IERC20 public immutable token;
    bytes32 public immutable ledger;
    bytes32 public immutable binding;
    address public immutable depositor;
    address public immutable beneficiary;
    uint256 public immutable amount; // of the token's smallest units
    uint256 public immutable deadline; // seconds since 1970

    /// The entry that the deposit was paid on, zero before. It is what keeps one proof from paying twice.
    bytes32 public paidOn;

    event Paid(bytes32 indexed entry);
    event TakenBack(uint256 rest);

    error AlreadyPaid(bytes32 entry);
    /// The proof would be used up on less than the deposit, and anybody could have sent that.
    error NotDeposited(uint256 balance, uint256 amount);
    error NobodyToPay();
    error NotDepositor(address caller);
    error BeforeDeadline(uint256 deadline);

    constructor(
        IReceiptVerifier verifier_,
        IERC20 token_,
        bytes32 ledger_,
        bytes32 binding_,
        address depositor_,
        address beneficiary_,
        uint256 amount_,
        uint256 deadline_
    ) {
        if (depositor_ == address(0) || beneficiary_ == address(0)) revert NobodyToPay();
        verifier = verifier_;
        token = token_;
        ledger = ledger_;
        binding = binding_;
        depositor = depositor_;
        beneficiary = beneficiary_;
        amount = amount_;
        deadline = deadline_;
    }

    /// @param place where the member `status` stands in the entry's public state
    function pay(Entry calldata entry, Claim calldata claim, LedgerReceipt calldata receipt, Place calldata place)
        external
    {
        if (paidOn != bytes32(0)) revert AlreadyPaid(paidOn);
        bytes32 settled = Statements.stateMember("status", '"settled"');
        bytes32 id = ProvenState.check(verifier, ledger, binding, settled, entry, claim, receipt, place);
        uint256 balance = token.balanceOf(address(this));
        if (balance < amount) revert NotDeposited(balance, amount);
        paidOn = id;
        emit Paid(id);
        token.safeTransfer(beneficiary, amount);
    }

    /// For the depositor, after the deadline: everything that is still here.
    function takeBack() external {
        if (msg.sender != depositor) revert NotDepositor(msg.sender);
        if (block.timestamp <= deadline) revert BeforeDeadline(deadline);
        uint256 rest = token.balanceOf(address(this));
        emit TakenBack(rest);
        token.safeTransfer(depositor, rest);
    }
}
