"""Write every page and figure that needs no run: ``make pages``. The page of options is made with the site."""

from docs.generate import findings, gpu_page, readme, scale_page, speed_page, which_strategy

for page in (speed_page, gpu_page, scale_page, findings, which_strategy, readme):
    page.main()
