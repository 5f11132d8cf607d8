// A snapshot of the state at a position of the log, so that a start need not read the whole log.
//
//   snap-%08u.snap   "concordat-snap/1" (16) ‖ u32 number ‖ AES-KW(sealing key "ledger-snapshot", fresh key) (40) ‖
//                    A256GCM(fresh key, zero nonce, aad = all before, content)
//   content          u32 segment ‖ u32 counter ‖ u64 offset ‖ chain ‖ u32 count ‖ u64 size of each segment ‖ state
//
// Written atomically; the one with the highest number counts. One that does not open is Error(tampered): going back to
// an older one, or to none, would hide it.
#pragma once
#include "state.hpp"

namespace concordat::ledger::confidential {

struct Snapshot {
    std::uint32_t number = 0;  // 0: there is none
    Log::Start start;
    State state;
};

// The newest snapshot.
Snapshot load_snapshot(Ports& ports);
// Writes the next one and removes those before it. Throws Error(disk), after which the earlier one still counts.
void write_snapshot(Ports& ports, std::uint32_t number, const Log& log, const State& state);

}  // namespace concordat::ledger::confidential
