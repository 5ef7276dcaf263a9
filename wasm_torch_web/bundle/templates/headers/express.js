// app.use(isolated) before everything else of an Express application.
export function isolated(request, response, next) {
  response.set('Cross-Origin-Opener-Policy', 'same-origin');
  response.set('Cross-Origin-Embedder-Policy', 'require-corp');
  next();
}
