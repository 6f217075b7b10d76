import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

// Browsers that know light-dark(), since the first half of 2024. For older ones it would be written with variables that nobody sets, and every colour
// that depends on the scheme would be lost.
const cssTarget = ['chrome123', 'edge123', 'firefox120', 'safari17.5'];

// The Go server embeds dist/app; see ../console.go. In development, `npm run dev` passes API calls on to a running server.
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: { outDir: '../dist/app', emptyOutDir: true, target: 'es2022', cssTarget, assetsInlineLimit: 0, reportCompressedSize: true, chunkSizeWarningLimit: 900 },
  server: { proxy: { '/v1': 'http://127.0.0.1:8020' } },
});
