#pragma once
// OpenBLAS as Quire uses it: cblas from its own header, and the two LAPACK routines that every build of
// OpenBLAS carries but that <cblas.h> does not declare (a LAPACK header would be one more system package).
#include <cblas.h>

// Cholesky factor of a symmetric positive definite matrix, column-major, in place. `info` > 0: not definite.
void dpotrf_(const char *uplo, const blasint *n, double *a, const blasint *lda, blasint *info);

// Inverse from the factor that dpotrf_ left, in place, the triangle named by `uplo` only.
void dpotri_(const char *uplo, const blasint *n, double *a, const blasint *lda, blasint *info);
