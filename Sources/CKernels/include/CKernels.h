// The umbrella of the C floor: every floating-point and int8 inner loop of Quire.
#pragma once
#include "blocks.h"
#include "kernels.h"
#include "limits.h"
#include "spin.h"
#include "system.h"
