/* plinth's version. */
#pragma once

#define PLINTH_MAJOR          0
#define PLINTH_MINOR          1
#define PLINTH_PATCH          0

#define PLINTH_VERSION_NUMBER (PLINTH_MAJOR << 16 | PLINTH_MINOR << 8 | PLINTH_PATCH)
