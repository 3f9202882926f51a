"""Write every page that needs no run: ``make pages``."""

from docs.generate import gpu_page, options_page, speed_page

for page in (options_page, speed_page, gpu_page):
    page.main()
