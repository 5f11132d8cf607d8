// How the report looks: on a screen, on a phone, on A4 or Letter paper.
#pragma once
#include "html.hpp"

namespace concordat::audit {

Markup style();

}  // namespace concordat::audit
