// A heap array whose allocation can fail without an exception: the core never aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace wtw {

template <class T>
class Array {
 public:
  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  Array(Array&& other) noexcept { *this = std::move(other); }
  Array& operator=(Array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Array() { clear(); }

  // Replaces the contents by n value-initialised elements. False when memory ran out.
  [[nodiscard]] bool reset(size_t n) {
    clear();
    if (n == 0) return true;
    if (n > SIZE_MAX / sizeof(T)) return false;
    void* memory = std::malloc(n * sizeof(T));
    if (memory == nullptr) return false;
    data_ = static_cast<T*>(memory);
    size_ = n;
    for (size_t i = 0; i < n; ++i) new (data_ + i) T();
    return true;
  }

  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  void clear() {
    for (size_t i = 0; i < size_; ++i) data_[i].~T();
    std::free(data_);
    data_ = nullptr;
    size_ = 0;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace wtw
