"""Write every page and figure that needs no run: ``make pages``. The page of options is made with the site."""

from docs.generate import curves, gpu_page, scale_page, speed_page

for page in (speed_page, gpu_page, scale_page, curves):
    page.main()
