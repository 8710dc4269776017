// Boost.Fiber with its default scheduler (round_robin): fibers that yield (mixed: every other one from
// another place in the code), and fibers that are spawned,
// run and joined one after the other on pooled stacks.
#include <boost/fiber/all.hpp>
#include <cstring>
#include <vector>

#include "timing.h"

namespace fibers = boost::fibers;

static void yield(uint64_t count, uint64_t yields, bool mixed)
{
	uint64_t each = yields / count;
	std::vector<fibers::fiber> running;

	for (uint64_t i = 0; i < count; i++)
		if (!mixed || i % 2 == 0)
			running.emplace_back(fibers::launch::post, [each] {
				for (uint64_t i = 0; i < each; i++)
					boost::this_fiber::yield();
			});
		else
			running.emplace_back(fibers::launch::post, [each] {
				uint64_t left = each;

				do
					boost::this_fiber::yield();
				while (--left > 0);
			});
	double start = now_ns();
	for (auto &fiber : running)
		fiber.join();
	report_ns(start, static_cast<double>(each * count));
}

static void spawn_capturing(uint64_t count)
{
	fibers::pooled_fixedsize_stack stacks;
	uint64_t sum = 0;

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, [&sum, i] { sum += i; }).join();
	report_ns(start, static_cast<double>(count));
	if (sum != count * (count - 1) / 2)
		fail("fibers were lost");
}

static uint64_t ran;

static void spawn_bare(uint64_t count)
{
	fibers::pooled_fixedsize_stack stacks;

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, [] { ran++; }).join();
	report_ns(start, static_cast<double>(count));
	if (ran != count)
		fail("fibers were lost");
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "yield"))
		yield(strtoull(argv[2], nullptr, 10), strtoull(argv[3], nullptr, 10), false);
	else if (argc == 4 && !strcmp(argv[1], "yield-mixed"))
		yield(strtoull(argv[2], nullptr, 10), strtoull(argv[3], nullptr, 10), true);
	else if (argc == 3 && !strcmp(argv[1], "spawn-capturing"))
		spawn_capturing(strtoull(argv[2], nullptr, 10));
	else if (argc == 3 && !strcmp(argv[1], "spawn-bare"))
		spawn_bare(strtoull(argv[2], nullptr, 10));
	else
		fail("usage: boost-fiber yield|yield-mixed FIBERS YIELDS | spawn-capturing COUNT | spawn-bare COUNT");
	return 0;
}
