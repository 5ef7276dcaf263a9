const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default {
  server: { headers },
  preview: { headers },
  // Vite 7 and older only: their development server moves the package away from its files.
  optimizeDeps: { exclude: ['@name@'] },
};
