// Functions of four floats: exponentials, logarithms, sine and cosine, and the activations made of
// them.
//
// Every function takes and gives f32x4. NaN stays NaN; infinities, zeros and denormal arguments
// give what PyTorch gives, except that exponentials below 2^-125 become 0. The errors stated are
// the largest seen against float64, in units in the last place, with and without fused
// multiply-add, at random fractions of every exponent of both signs. Coefficients are minimax fits
// of relative error.
#pragma once

#include "core/vmath/activation.h"
#include "core/vmath/circular.h"
#include "core/vmath/exponential.h"
#include "core/vmath/logarithm.h"
