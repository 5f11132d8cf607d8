// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BindingRegistry} from "../BindingRegistry.sol";
import {IReceiptVerifier, ReceiptVerifier} from "../ReceiptVerifier.sol";
import {Entry} from "../formats/Statements.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Proven, Vectors} from "./Vectors.sol";

contract BindingRegistryTest is Vectors {
    OwnLedger private own = new OwnLedger();
    BindingRegistry private registry = new BindingRegistry(own.verifier());
    bytes32 private ledger = own.ledger();
    bytes32 private constant BINDING = "agreement";
    uint8 private constant BIND = 1;
    uint8 private constant AMEND = 2;
    uint8 private constant TERMINATE = 7;

    function entry(uint8 kind, uint64 sequence, bytes32 version) private view returns (Shown memory) {
        Entry memory e;
        (e.kind, e.binding, e.sequence, e.version) = (kind, BINDING, sequence, version);
        return own.prove(e);
    }

    function record(Shown memory s) private returns (bool) {
        return registry.record(ledger, s.entry, s.claim, s.receipt);
    }

    function expectCurrent(Shown memory s, bool terminated, bool contradicted) private view {
        BindingRegistry.Current memory now_ = registry.current(ledger, BINDING);
        vm.assertEq(now_.version, s.entry.version);
        vm.assertEq(now_.entry, s.id);
        vm.assertEq(now_.sequence, s.entry.sequence);
        vm.assertTrue(now_.terminated == terminated, "terminated");
        vm.assertTrue(now_.contradicted == contradicted, "contradicted");
    }

    function test_records_the_versions_of_real_agreements() public {
        ReceiptVerifier verifier = new ReceiptVerifier(address(this));
        verifier.addLedger(ledgerKey().x, ledgerKey().y, true);
        verifier.addEnclave(enclaveKey(0).x, enclaveKey(0).y);
        BindingRegistry real = new BindingRegistry(verifier);
        bytes32 name = ledgerKey().thumbprint;
        for (uint256 i = 0; i < 5; ++i) {
            Proven memory p = proven(i);
            vm.roll(100 + i);
            vm.expectEmit();
            emit BindingRegistry.Recorded(name, p.entry.binding, p.entry.version, 0, p.id, false);
            vm.assertTrue(real.record(name, p.entry, p.claim, p.receipt), "recorded");
            BindingRegistry.Current memory one = real.current(name, p.entry.binding);
            vm.assertEq(one.version, p.entry.version);
            vm.assertEq(one.blockNumber, 100 + i);
        }
        Proven memory executed = proven(7);
        vm.expectRevert(abi.encodeWithSelector(BindingRegistry.NotAVersion.selector, uint8(3)));
        real.record(name, executed.entry, executed.claim, executed.receipt);
    }

    function test_keeps_the_newest_and_passes_over_the_rest() public {
        Shown memory bound = entry(BIND, 0, BINDING);
        Shown memory second = entry(AMEND, 4, "v2");
        Shown memory third = entry(AMEND, 9, "v3");
        Shown memory end = entry(TERMINATE, 12, "v3");
        vm.assertEq(registry.current(ledger, BINDING).version, 0);
        vm.assertTrue(record(bound), "bind");
        expectCurrent(bound, false, false);
        vm.assertTrue(record(third), "amend, one left out");
        expectCurrent(third, false, false);
        vm.assertFalse(record(second), "older");
        vm.assertFalse(record(third), "again");
        expectCurrent(third, false, false);
        vm.expectEmit();
        emit BindingRegistry.Recorded(ledger, BINDING, "v3", 12, end.id, true);
        vm.assertTrue(record(end), "terminate");
        expectCurrent(end, true, false);
        vm.assertFalse(record(third), "older than the end");
        vm.assertFalse(record(end), "the end again");
        expectCurrent(end, true, false);
    }

    function test_only_what_puts_a_version_in_force_counts() public {
        for (uint8 kind = 0; kind <= 12; ++kind) {
            if (kind == BIND || kind == AMEND || kind == TERMINATE) continue;
            Shown memory s = entry(kind, 1, "v2");
            vm.expectRevert(abi.encodeWithSelector(BindingRegistry.NotAVersion.selector, kind));
            record(s);
        }
    }

    function test_only_genuine_entries_count() public {
        Shown memory s = entry(AMEND, 4, "v2");
        s.entry.version = "v3";
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        record(s);
        s = entry(AMEND, 4, "v2");
        s.receipt.time += 1;
        vm.expectPartialRevert(ReceiptVerifier.BadReceipt.selector);
        record(s);
        vm.expectRevert(abi.encodeWithSelector(ReceiptVerifier.UnknownLedger.selector, bytes32("another")));
        registry.record("another", s.entry, s.claim, s.receipt);
        vm.assertEq(registry.current(ledger, BINDING).version, 0);
    }

    function test_two_entries_at_one_place_are_noted() public {
        Shown memory one = entry(AMEND, 4, "v2");
        Shown memory other = entry(AMEND, 4, "v2, differently");
        record(one);
        vm.expectEmit();
        emit BindingRegistry.Contradicted(ledger, BINDING, one.id, other.id);
        vm.assertFalse(record(other), "recorded");
        expectCurrent(one, false, true);
        Shown memory later = entry(AMEND, 5, "v3");
        vm.assertTrue(record(later), "later");
        expectCurrent(later, false, true); // for good
    }

    function test_an_agreement_that_goes_on_after_its_end_is_noted() public {
        Shown memory end = entry(TERMINATE, 4, "v2");
        Shown memory later = entry(AMEND, 5, "v3");
        record(end);
        vm.assertFalse(record(later), "recorded");
        expectCurrent(end, true, true);
        registry = new BindingRegistry(own.verifier());
        record(later); // shown the other way round
        vm.assertFalse(record(end), "recorded");
        expectCurrent(later, false, true);
    }

    function test_ledgers_and_agreements_are_apart() public {
        record(entry(AMEND, 4, "v2"));
        vm.assertEq(registry.current("another", BINDING).version, 0);
        vm.assertEq(registry.current(ledger, "another").version, 0);
    }

    function test_needs_a_verifier() public {
        vm.expectRevert(abi.encodeWithSelector(BindingRegistry.NoVerifier.selector, address(7)));
        new BindingRegistry(IReceiptVerifier(address(7)));
    }

    // In whatever order and how often they are shown, the newest is kept.
    function testFuzz_the_order_does_not_matter(uint64[12] calldata order) public {
        uint64 highest;
        for (uint256 i = 0; i < order.length; ++i) {
            uint64 sequence = order[i] % 20;
            bool newer = i == 0 || sequence > highest;
            vm.assertTrue(record(entry(AMEND, sequence, keccak256(abi.encode(sequence)))) == newer, "newer");
            if (newer) highest = sequence;
            expectCurrent(entry(AMEND, highest, keccak256(abi.encode(highest))), false, false);
        }
    }
}
