import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

// The Go server embeds dist/app; see ../console.go. In development, `npm run dev` passes API calls on to a running server.
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  // Mantine sets color-scheme with a variable, which lightningcss cannot follow: light-dark() must reach the browser as it is written.
  build: {
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    outDir: '../dist/app', emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, reportCompressedSize: true, chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8020' } },
});
