// Boost.Context: two stacks that switch to each other, through its public class or ("raw") through the
// assembly routine that the class is made of.
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <cstring>

#include "timing.h"

namespace context = boost::context;

static const uint64_t count = 20000000;
static uint64_t rounds;

static void other_raw(context::detail::transfer_t from)
{
	for (;;) {
		++rounds;
		from = context::detail::jump_fcontext(from.fctx, nullptr);
	}
}

static double raw()
{
	static unsigned char stack[65536] __attribute__((aligned(16)));
	auto other = context::detail::make_fcontext(stack + sizeof stack, sizeof stack, other_raw);

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		other = context::detail::jump_fcontext(other, nullptr).fctx;
	return start;
}

static double by_class()
{
	bool stop = false;
	context::fiber other([&stop](context::fiber &&from) {
		while (!stop) {
			++rounds;
			from = std::move(from).resume();
		}
		return std::move(from);
	});

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		other = std::move(other).resume();
	double end = now_ns();
	stop = true;
	std::move(other).resume();
	return start + (now_ns() - end);
}

int main(int argc, char **argv)
{
	bool is_raw = argc > 1 && !strcmp(argv[1], "raw");
	double start = is_raw ? raw() : by_class();

	report_ns(start, 2.0 * count);
	if (rounds != count)
		fail("switches were lost");
	return 0;
}
