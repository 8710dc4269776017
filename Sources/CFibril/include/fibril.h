#pragma once
#include "fibril_event.h"
