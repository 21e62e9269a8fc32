/*
 * core.h
 *		The public header of core/.
 */
#ifndef LH_CORE_CORE_H
#define LH_CORE_CORE_H

#include "core/ctx.h"
#include "core/arena.h"
#include "core/buffer.h"
#include "core/key.h"
#include "core/bits.h"
#include "core/text.h"
#include "core/decimal.h"
#include "core/wide.h"
#include "core/datetime.h"
#include "core/hash.h"
#include "core/cpu.h"
#include "core/pool.h"

#endif
