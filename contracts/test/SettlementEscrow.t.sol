// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ReceiptVerifier} from "../ReceiptVerifier.sol";
import {CashToken} from "../sample/CashToken.sol";
import {Place, ProvenState} from "../formats/ProvenState.sol";
import {SettlementEscrow} from "../sample/SettlementEscrow.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Member, Proven, Vectors} from "./Vectors.sol";

/// A real forward settles on its record ledger, and the deposit on this chain follows, once.
contract SettlementEscrowTest is Vectors {
    ReceiptVerifier private verifier = new ReceiptVerifier(address(this));
    CashToken private cash = new CashToken("Sample cash", "CASH", address(this));
    SettlementEscrow private escrow;
    address private constant BUYER = address(0xb1);
    address private constant SELLER = address(0x5e);
    uint256 private constant DEADLINE = 2_000_000_000;
    uint256 private constant DEPOSIT = 700_00;
    uint256 private settled; // the entry that settled a forward
    uint256 private active; // an earlier one of the same forward

    function setUp() public {
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        verifier.addEnclave(enclaveKey(1).x, enclaveKey(1).y);
        settled = count("entries") - 2;
        Proven memory p = proven(settled);
        for (active = settled - 1; proven(active).entry.binding != p.entry.binding; --active) {}
        escrow = new SettlementEscrow(
            verifier, cash, ledgerKey().thumbprint, p.entry.binding, BUYER, SELLER, DEPOSIT, DEADLINE
        );
        cash.mint(BUYER, DEPOSIT);
        vm.prank(BUYER);
        cash.transfer(address(escrow), DEPOSIT);
        vm.warp(DEADLINE - 1000);
    }

    function place(uint256 i) private view returns (Place memory) {
        Member memory m = member(i, "status");
        return Place(m.index, m.size, m.path);
    }

    function test_pays_on_a_proven_settlement_once() public {
        Proven memory p = proven(settled);
        Place memory status = place(settled);
        vm.expectEmit();
        emit SettlementEscrow.Paid(p.id);
        escrow.pay(p.entry, p.claim, p.receipt, status); // by whoever comes with the proof
        vm.assertEq(cash.balanceOf(SELLER), DEPOSIT);
        cash.mint(address(escrow), DEPOSIT); // even if there is something to pay again
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.AlreadyPaid.selector, p.id));
        escrow.pay(p.entry, p.claim, p.receipt, status);
    }

    function test_does_not_pay_while_the_agreement_runs() public {
        Proven memory p = proven(active);
        Place memory status = place(active);
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        escrow.pay(p.entry, p.claim, p.receipt, status);
    }

    function test_does_not_pay_on_another_agreement() public {
        Proven memory p = proven(settled - 1);
        Place memory status = place(settled - 1);
        vm.expectRevert(abi.encodeWithSelector(ProvenState.OtherBinding.selector, p.entry.binding));
        escrow.pay(p.entry, p.claim, p.receipt, status);
    }

    function test_does_not_pay_on_a_claimed_state_that_is_not_the_entrys() public {
        Proven memory p = proven(active);
        Place memory status = place(settled);
        p.entry.state = proven(settled).entry.state;
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        escrow.pay(p.entry, p.claim, p.receipt, status);
    }

    // A prepared settlement is genuine, and may still be aborted.
    function test_does_not_pay_on_a_state_that_may_be_taken_back() public {
        OwnLedger own = new OwnLedger();
        SettlementEscrow other = new SettlementEscrow(
            own.verifier(), cash, own.ledger(), bytes32(uint256(7)), BUYER, SELLER, DEPOSIT, DEADLINE
        );
        cash.mint(address(other), DEPOSIT);
        bool[12] memory stands = [false, true, true, true, false, false, true, true, false, false, false, false];
        for (uint8 kind = 1; kind <= 11; ++kind) {
            Shown memory s = own.show(kind, bytes32(uint256(7)), kind, "status", '"settled"');
            if (stands[kind]) continue;
            vm.expectRevert(abi.encodeWithSelector(ProvenState.StateMayChange.selector, kind));
            other.pay(s.entry, s.claim, s.receipt, s.place);
        }
        Shown memory outcome = own.show(6, bytes32(uint256(7)), 9, "status", '"settled"');
        other.pay(outcome.entry, outcome.claim, outcome.receipt, outcome.place);
        vm.assertEq(other.paidOn(), outcome.id);
    }

    // Whoever sends a cent must not use up the proof before the deposit is there.
    function test_does_not_pay_less_than_the_deposit() public {
        Proven memory p = proven(settled);
        SettlementEscrow empty = new SettlementEscrow(
            verifier, cash, ledgerKey().thumbprint, p.entry.binding, BUYER, SELLER, DEPOSIT, DEADLINE
        );
        cash.mint(address(empty), DEPOSIT - 1);
        Place memory status = place(settled);
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.NotDeposited.selector, DEPOSIT - 1, DEPOSIT));
        empty.pay(p.entry, p.claim, p.receipt, status);
        vm.assertEq(empty.paidOn(), bytes32(0));
        cash.mint(address(empty), 1);
        empty.pay(p.entry, p.claim, p.receipt, status);
        vm.assertEq(cash.balanceOf(SELLER), DEPOSIT);
    }

    function test_gives_back_after_the_deadline_only() public {
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.NotDepositor.selector, address(this)));
        escrow.takeBack();
        vm.warp(DEADLINE);
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.BeforeDeadline.selector, DEADLINE));
        escrow.takeBack();
        vm.warp(DEADLINE + 1);
        vm.prank(BUYER);
        escrow.takeBack();
        vm.assertEq(cash.balanceOf(BUYER), DEPOSIT);
    }

    function test_needs_somebody_to_pay() public {
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.NobodyToPay.selector));
        new SettlementEscrow(verifier, cash, bytes32(0), bytes32(0), address(0), SELLER, DEPOSIT, DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(SettlementEscrow.NobodyToPay.selector));
        new SettlementEscrow(verifier, cash, bytes32(0), bytes32(0), BUYER, address(0), DEPOSIT, DEADLINE);
    }

    function test_only_the_bank_makes_cash() public {
        vm.assertEq(cash.decimals(), 2);
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, BUYER));
        cash.mint(BUYER, 1);
    }
}
