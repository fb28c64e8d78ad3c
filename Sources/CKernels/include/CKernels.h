// The umbrella header of the C kernels: every floating-point and int8 inner loop of Quire.
#pragma once
#include "blocks.h"
#include "kernels.h"
#include "levels.h"
#include "limits.h"
#include "prediction.h"
#include "spin.h"
#include "system.h"
