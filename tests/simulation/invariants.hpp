// What must be so of a history, whatever happened in it.
#pragma once
#include "setting.hpp"

namespace concordat::simulation {

// Throw Violation.
void check_end(const Setting& setting);
// What clients were told is still there.
void check_told(const Setting& setting);

}  // namespace concordat::simulation
