// A tracepoint of LTTng-UST with what a switch of ours says.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER fibril_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng-switch.h"

#if !defined(LTTNG_SWITCH_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LTTNG_SWITCH_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(fibril_bench, task_switch,
	LTTNG_UST_TP_ARGS(uint64_t, task, uint64_t, previous, uint64_t, next, uint32_t, state),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, task, task)
		lttng_ust_field_integer(uint64_t, previous, previous)
		lttng_ust_field_integer(uint64_t, next, next)
		lttng_ust_field_integer(uint32_t, state, state)
	)
)

#endif

#include <lttng/tracepoint-event.h>
