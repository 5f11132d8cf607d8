// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {BridgedToken} from "../BridgedToken.sol";
import {IReceiptVerifier, ReceiptVerifier} from "../ReceiptVerifier.sol";
import {ProvenState} from "../formats/ProvenState.sol";
import {Text} from "../formats/Text.sol";
import {OwnLedger, Shown} from "./OwnLedger.sol";
import {Test} from "./Test.sol";

contract BridgedTokenTest is Test {
    OwnLedger private own = new OwnLedger();
    address private constant AGENT = address(0xa6e47);
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    bytes32 private constant BINDING = "agreement";
    bytes32 private constant LOCK = bytes32(uint256(0xabcdef) << 200);
    BridgedToken private token = deploy(AGENT, own.verifier());

    function deploy(address agent, IReceiptVerifier verifier) private returns (BridgedToken) {
        return new BridgedToken("Bridged", "BRG", 6, agent, verifier, own.ledger(), BINDING);
    }

    function prove(uint8 kind, string memory name, string memory value) private view returns (Shown memory) {
        return own.show(kind, BINDING, 5, name, value);
    }

    function mintBy(Shown memory s, bytes32 lockId, address to, uint256 amount) private {
        token.mintWithReceipt(lockId, to, amount, s.entry, s.claim, s.receipt, s.place);
    }

    function mintByAgent(bytes32 lockId, address to, uint256 amount) private {
        vm.prank(AGENT);
        token.mint(lockId, to, amount);
    }

    // --- at deployment
    function test_is_what_it_was_deployed_as() public view {
        vm.assertEq(token.decimals(), 6);
        vm.assertEq(keccak256(bytes(token.name())), keccak256("Bridged"));
        vm.assertEq(keccak256(bytes(token.symbol())), keccak256("BRG"));
        vm.assertEq(token.agent(), AGENT);
        vm.assertEq(address(token.verifier()), address(own.verifier()));
        vm.assertEq(token.ledger(), own.ledger());
        vm.assertEq(token.binding(), BINDING);
        vm.assertEq(token.totalSupply(), 0);
    }

    function test_somebody_must_be_able_to_mint() public {
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NobodyMints.selector));
        new BridgedToken("Bridged", "BRG", 6, address(0), IReceiptVerifier(address(0)), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoVerifier.selector, ALICE));
        new BridgedToken("Bridged", "BRG", 6, AGENT, IReceiptVerifier(ALICE), 0, 0);
    }

    function test_what_was_left_out_does_not_mint() public {
        Shown memory s = prove(3, "locked", token.lockedValue(LOCK, ALICE, 5));
        token = deploy(AGENT, IReceiptVerifier(address(0)));
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoVerifier.selector, address(0)));
        mintBy(s, LOCK, ALICE, 5);
        token = deploy(address(0), own.verifier());
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NotAgent.selector, address(this)));
        token.mint(LOCK, ALICE, 5);
    }

    // --- mint
    function test_the_agent_mints_once_for_a_lock() public {
        vm.expectEmit();
        emit BridgedToken.Minted(LOCK, ALICE, 5, 0);
        mintByAgent(LOCK, ALICE, 5);
        vm.assertEq(token.balanceOf(ALICE), 5);
        vm.assertTrue(token.minted(LOCK), "minted");
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.AlreadyMinted.selector, LOCK));
        mintByAgent(LOCK, BOB, 7);
    }

    function test_nobody_else_mints() public {
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NotAgent.selector, ALICE));
        vm.prank(ALICE);
        token.mint(LOCK, ALICE, 5);
    }

    function test_a_proven_lock_mints_once_whoever_shows_it() public {
        Shown memory s = prove(6, "locked", token.lockedValue(LOCK, ALICE, 5));
        vm.expectEmit();
        emit BridgedToken.Minted(LOCK, ALICE, 5, s.id);
        vm.prank(BOB);
        mintBy(s, LOCK, ALICE, 5);
        vm.assertEq(token.balanceOf(ALICE), 5);
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.AlreadyMinted.selector, LOCK));
        mintBy(s, LOCK, ALICE, 5);
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.AlreadyMinted.selector, LOCK));
        mintByAgent(LOCK, ALICE, 5);
        mintByAgent("another", ALICE, 5);
        s = prove(6, "locked", token.lockedValue("another", ALICE, 5));
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.AlreadyMinted.selector, bytes32("another")));
        mintBy(s, "another", ALICE, 5);
        vm.assertEq(token.totalSupply(), 10);
    }

    function test_mints_only_what_the_state_says() public {
        Shown memory s = prove(3, "locked", token.lockedValue(LOCK, ALICE, 5));
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        mintBy(s, LOCK, ALICE, 6);
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        mintBy(s, LOCK, BOB, 5);
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        mintBy(s, "another", ALICE, 5);
        BridgedToken first = token;
        token = deploy(AGENT, own.verifier()); // of the same agreement
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        mintBy(s, LOCK, ALICE, 5);
        token = first;
        vm.assertFalse(token.minted(LOCK), "used up");
        s = prove(3, "Locked", token.lockedValue(LOCK, ALICE, 5));
        vm.expectPartialRevert(ProvenState.NotInState.selector);
        mintBy(s, LOCK, ALICE, 5);
    }

    function test_mints_only_on_its_own_agreement_and_on_states_that_stand() public {
        string memory value = token.lockedValue(LOCK, ALICE, 5);
        Shown memory s = own.show(3, "other", 5, "locked", value);
        vm.expectRevert(abi.encodeWithSelector(ProvenState.OtherBinding.selector, bytes32("other")));
        mintBy(s, LOCK, ALICE, 5);
        uint8[6] memory open = [uint8(4), 5, 8, 9, 10, 11];
        for (uint256 i = 0; i < open.length; ++i) {
            s = prove(open[i], "locked", value);
            vm.expectRevert(abi.encodeWithSelector(ProvenState.StateMayChange.selector, open[i]));
            mintBy(s, LOCK, ALICE, 5);
        }
        s = prove(3, "locked", value);
        s.entry.document = "altered";
        vm.expectPartialRevert(ReceiptVerifier.BadClaim.selector);
        mintBy(s, LOCK, ALICE, 5);
    }

    function test_the_state_says_it_like_this() public view {
        string memory wanted = string.concat(
            '{"amount":"12345","id":"0x0000abcdef000000000000000000000000000000000000000000000000000000",',
            '"to":"0x00000000000000000000000000000000000a11ce","token":"eip155:31337:'
        );
        wanted = string.concat(wanted, Text.hexOf(address(token)), '"}');
        bytes32 id = bytes32(uint256(0xabcdef) << 216);
        vm.assertEq(keccak256(bytes(token.lockedValue(id, ALICE, 12345))), keccak256(bytes(wanted)));
    }

    // --- burn
    function test_a_holder_burns_for_a_release() public {
        mintByAgent(LOCK, ALICE, 5);
        bytes32 key = token.keyOf(ALICE, "release");
        vm.expectEmit();
        emit BridgedToken.Burned(key, ALICE, ALICE, "release", 3, "eip155:1:0xb0b");
        vm.prank(ALICE);
        vm.assertEq(token.burn("release", 3, ALICE, "eip155:1:0xb0b"), key);
        vm.assertEq(token.balanceOf(ALICE), 2);
        vm.assertEq(token.totalSupply(), 2);
        vm.assertTrue(token.burned(key), "burned");
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.AlreadyBurned.selector, key));
        vm.prank(ALICE);
        token.burn("release", 1, ALICE, "eip155:1:0xb0b");
    }

    function test_the_agent_burns_what_the_holder_allows() public {
        mintByAgent(LOCK, ALICE, 5);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, AGENT, 0, 3));
        vm.prank(AGENT);
        token.burn("release", 3, ALICE, "bob");
        vm.prank(ALICE);
        token.approve(AGENT, 3);
        vm.prank(AGENT);
        vm.assertEq(token.burn("release", 3, ALICE, "bob"), token.keyOf(AGENT, "release"));
        vm.assertEq(token.totalSupply(), 2);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, AGENT, 0, 1));
        vm.prank(AGENT);
        token.burn("again", 1, ALICE, "bob");
    }

    function test_nobody_else_burns() public {
        mintByAgent(LOCK, ALICE, 5);
        vm.prank(ALICE);
        token.approve(BOB, 5);
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NotHolder.selector, ALICE, BOB));
        vm.prank(BOB);
        token.burn("release", 1, ALICE, "bob");
    }

    // One unit burned under the agent's next name would otherwise hold it up.
    function test_nobody_squats_a_releases_name() public {
        mintByAgent(LOCK, ALICE, 5);
        vm.prank(ALICE);
        token.burn("release", 1, ALICE, "alice");
        vm.prank(ALICE);
        token.approve(AGENT, 4);
        vm.prank(AGENT);
        token.burn("release", 4, ALICE, "bob");
        vm.assertEq(token.totalSupply(), 0);
    }

    function test_refuses_nothing_for_nobody() public {
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoAmount.selector));
        mintByAgent(LOCK, ALICE, 0);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        mintByAgent(LOCK, address(0), 5);
        mintByAgent(LOCK, ALICE, 5);
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoAmount.selector));
        vm.prank(ALICE);
        token.burn("release", 0, ALICE, "bob");
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, ALICE, 5, 6));
        vm.prank(ALICE);
        token.burn("release", 6, ALICE, "bob");
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoReceiver.selector, 0));
        vm.prank(ALICE);
        token.burn("release", 1, ALICE, "");
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.NoReceiver.selector, 129));
        vm.prank(ALICE);
        token.burn("release", 1, ALICE, string(new bytes(129)));
        vm.prank(ALICE);
        token.burn("release", 1, ALICE, string(new bytes(128)));
        vm.assertEq(token.totalSupply(), 4);
    }

    // --- how values are written
    function testFuzz_decimals_are_those_of_forge(uint256 value, uint8 shift) public pure {
        value >>= shift;
        vm.assertEq(keccak256(bytes(Text.decimal(value))), keccak256(bytes(vm.toString(value))));
    }

    function testFuzz_hex_is_that_of_forge(bytes32 value) public pure {
        vm.assertEq(keccak256(bytes(Text.hexOf(value))), keccak256(bytes(vm.toString(value))));
    }

    function testFuzz_a_proof_of_any_lock_mints_it(bytes32 lockId, address to, uint256 amount) public {
        if (to == address(0) || amount == 0) return;
        Shown memory s = prove(3, "locked", token.lockedValue(lockId, to, amount));
        mintBy(s, lockId, to, amount);
        vm.assertEq(token.balanceOf(to), amount);
    }
}

/// Mints, moves and burns in any order, by the right callers and by others, and keeps its own book.
contract Traders is Test {
    OwnLedger private own = new OwnLedger();
    address private constant AGENT = address(0xa6e47);
    BridgedToken public immutable token;
    uint256 public clashes; // what succeeded and should not have, or the other way round
    uint256 public mintedTotal;
    uint256 public burnedTotal;
    mapping(bytes32 => bool) private lockUsed;
    mapping(bytes32 => bool) private releaseUsed;
    uint256 public mints; // that succeeded
    uint256 public locksUsed;
    address[4] public holders = [AGENT, address(0xa11ce), address(0xb0b), address(0xca401)];

    constructor() {
        token = new BridgedToken("Bridged", "BRG", 18, AGENT, own.verifier(), own.ledger(), "agreement");
    }

    function mint(uint256 lock, uint256 to, uint256 amount, uint256 by, bool proven) external {
        bytes32 lockId = bytes32(lock % 24); // few, so that they come again
        address receiver = holders[to % 4];
        amount = within(amount, 1, 1e30);
        bytes memory data = abi.encodeCall(token.mint, (lockId, receiver, amount));
        if (proven) {
            Shown memory s = own.show(3, "agreement", 5, "locked", token.lockedValue(lockId, receiver, amount));
            data =
                abi.encodeCall(token.mintWithReceipt, (lockId, receiver, amount, s.entry, s.claim, s.receipt, s.place));
        }
        address caller = holders[by % 3 == 0 ? by % 4 : 0];
        vm.prank(caller);
        (bool ok,) = address(token).call(data);
        if (ok != (!lockUsed[lockId] && (proven || caller == AGENT))) ++clashes;
        if (!ok) return;
        ++mints;
        if (!lockUsed[lockId]) ++locksUsed;
        lockUsed[lockId] = true;
        mintedTotal += amount;
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address giver = holders[from % 4];
        amount = within(amount, 0, token.balanceOf(giver));
        vm.prank(giver);
        token.transfer(holders[to % 4], amount);
    }

    function approve(uint256 from, uint256 amount) external {
        vm.prank(holders[from % 4]);
        token.approve(AGENT, amount);
    }

    function burn(uint256 release, uint256 from, uint256 by, uint256 amount) external {
        address holder = holders[from % 4];
        address caller = holders[by % 2 == 0 ? from % 4 : by % 4];
        amount = within(amount, 1, token.balanceOf(holder) + 1);
        bytes32 key = token.keyOf(caller, bytes32(release % 64));
        bool may = !releaseUsed[key] && amount <= token.balanceOf(holder);
        if (caller != holder) may = may && caller == AGENT && token.allowance(holder, AGENT) >= amount;
        vm.prank(caller);
        (bool ok,) = address(token).call(abi.encodeCall(token.burn, (bytes32(release % 64), amount, holder, "there")));
        if (ok != may) ++clashes;
        if (!ok) return;
        releaseUsed[key] = true;
        burnedTotal += amount;
    }
}

contract BridgedTokenInvariant is Test {
    Traders private traders = new Traders();

    function targetContracts() external view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(traders);
    }

    function invariant_there_is_what_was_minted_less_what_was_burned() external view {
        BridgedToken token = traders.token();
        vm.assertEq(token.totalSupply(), traders.mintedTotal() - traders.burnedTotal());
        uint256 sum;
        for (uint256 i = 0; i < 4; ++i) {
            sum += token.balanceOf(traders.holders(i));
        }
        vm.assertEq(sum, token.totalSupply());
        vm.assertEq(traders.mints(), traders.locksUsed()); // a lock mints once
        vm.assertEq(traders.clashes(), 0);
    }
}
