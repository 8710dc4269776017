#include "fibril.h"
