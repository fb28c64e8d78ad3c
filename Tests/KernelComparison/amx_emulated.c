// The kernels of AMX over tiles in memory.
#if defined(__x86_64__)
#define QUIRE_AMX_EMULATION
#define QUIRE_AMX_KERNELS emulated_amx_kernels
#include "../../Sources/CKernels/amx.c"
#endif
